"""What the API's views share within a process: pool, Redis, limits. Made by the factory, found through the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from app.http.full_stores import FullStores
from app.http.limits import RateLimiter, WaitingRoom
from app.http.token_cache import Callers
from app.http.token_throttle import TokenThrottle
from app.metrics.facts import FactsCollector
from app.metrics.pool import PoolWatch
from app.settings.environment import Settings
from db.core.pool import Pool
from schemas.base.privacy import Hasher
from workers.core.queues import WakeUp

EXTENSION = "sluice"


@dataclass(frozen=True, slots=True)
class Services:
    """Opened in the process that serves, after any fork."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    limiter: RateLimiter
    callers: Callers
    token_throttle: TokenThrottle
    waiting_room: WaitingRoom
    shop_room: WaitingRoom
    hash_email: Hasher
    pool_watch: PoolWatch
    facts: FactsCollector
    full_stores: FullStores


def services() -> Services:
    return cast(Services, current_app.extensions[EXTENSION])

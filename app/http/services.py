"""What the views of a process share: pool, Redis, limits. The factory makes it; views get it by `services()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from app.http.full_stores import FullStores
from app.http.limits import RateLimiter, WaitingRoom
from app.http.token_cache import TokenCache
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
    """Opened after the fork: connections must not be shared between processes."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    limiter: RateLimiter
    token_cache: TokenCache
    token_throttle: TokenThrottle
    waiting_room: WaitingRoom
    shop_room: WaitingRoom
    hash_email: Hasher
    pool_watch: PoolWatch
    facts: FactsCollector
    full_stores: FullStores


def services() -> Services:
    return cast(Services, current_app.extensions[EXTENSION])

"""`Prefer: wait=N`: holds a request until its work ends, for a limited time and a limited number of requests."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from flask import Request

from app.http.services import services
from db.core.tenancy import tenant
from db.sync.logs import LogView, get_log

T = TypeVar("T")
LONGEST_WAIT_SECONDS = 30.0
FIRST_LOOK_SECONDS = 0.004
LONGEST_PAUSE_SECONDS = 0.1
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?(?=$|[,;\s])", re.IGNORECASE)


def wanted_wait(request: Request) -> float:
    """The seconds that a client wants to wait, at most LONGEST_WAIT_SECONDS; 0 if it does not."""
    found = WAIT.search(request.headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else 0.0


def wait_for_end(store_id: UUID, log_id: UUID, seconds: float) -> LogView | None:
    """The log once it has ended; None after `seconds`, or if all seats are taken."""
    return wait_until_ended(lambda: look(store_id, log_id), seconds)


def wait_until_ended(look_again: Callable[[], T | None], seconds: float) -> T | None:
    """Poll `look_again` until it finds something; None after `seconds`, or if all seats are taken."""
    if not seconds:
        return None
    with services().waiting_room.seat() as taken:
        return _watch(look_again, seconds) if taken else None


def _watch(look_again: Callable[[], T | None], seconds: float) -> T | None:
    deadline = time.monotonic() + seconds
    pause = FIRST_LOOK_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        ended = look_again()
        if ended is not None:
            return ended
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
    return None


def look(store_id: UUID, log_id: UUID) -> LogView | None:
    """The log if it has ended. Neither a transaction nor a connection is held between two looks."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
    return log if log is not None and log.status != "running" else None

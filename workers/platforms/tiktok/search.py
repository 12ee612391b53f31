"""What TikTok Shop's searches have in common: pages, bounds, totals, and tokens that grow old."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from workers.platforms.common.failures import bad_request, unreadable
from workers.platforms.common.interface import PlatformError

PAGE_SIZE = 100

Data = dict[str, Any]
Search = Callable[[str, Mapping[str, str], Mapping[str, Any]], tuple[Data, datetime | None]]


def records_of(data: Data, name: str) -> list[Data]:
    """The records of a page; none where the platform leaves the list out."""
    records = data.get(name) or []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise unreadable()
    return records


def total_of(data: Data) -> int | None:
    """How many records the search found, on all pages."""
    total = data.get("total_count")
    return total if type(total) is int else None


def paging(token: str) -> dict[str, str]:
    """The query of a page; no token is the first one."""
    return {"page_size": str(PAGE_SIZE), **({"page_token": token} if token else {})}


def bounds(**moments: datetime | None) -> dict[str, int]:
    """The seconds that the moments lie in, by parameter; an open bound is left out."""
    return {name: int(moment.timestamp()) for name, moment in moments.items() if moment is not None}


def token_is_refused(error: PlatformError, token: str) -> bool:
    """Whether a page token is no longer taken; how long one is, TikTok does not say. A paused run may come back after days."""
    return token != "" and error.code == bad_request().code

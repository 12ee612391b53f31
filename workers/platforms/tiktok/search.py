"""What TikTok Shop's searches have in common: pages, bounds, totals, and tokens that expire."""

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
    records = data.get(name) or []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise unreadable()
    return records


def total_of(data: Data) -> int | None:
    total = data.get("total_count")
    return total if type(total) is int else None


def paging(token: str, size: int = PAGE_SIZE) -> dict[str, str]:
    return {"page_size": str(size), **({"page_token": token} if token else {})}


def bounds(**moments: datetime | None) -> dict[str, int]:
    return {name: int(moment.timestamp()) for name, moment in moments.items() if moment is not None}


def token_is_refused(error: PlatformError, token: str) -> bool:
    # TikTok does not say how long a page token lives, and a paused pull may continue days later.
    return token != "" and error.code == bad_request().code

"""Filters and cursors of the fake Shopify."""

from __future__ import annotations

import base64
import bisect
import json
from typing import Any

from tests.fakes.common.table import Table

SEE = "See https://shopify.dev/api/usage/pagination-rest for more information."
TIME_FILTERS = (("created_at_min", 0), ("created_at_max", 0), ("updated_at_min", 1), ("updated_at_max", 1))


def changed_since(table: Table, moment: int) -> list[int]:
    """The ids of records changed at that second or later, ascending."""
    low, high = table.window(table.updated, moment, None)
    return sorted(key for _, key in table.updated[low:high])


def is_inside(times: tuple[int, int], bounds: list[tuple[int, str, int]], hidden: float | None) -> bool:
    """Whether a record meets the bounds, and is not hidden because of its age."""
    if hidden is not None and times[0] < hidden:
        return False
    return all(times[part] >= at if name.endswith("_min") else times[part] <= at for part, name, at in bounds)


def status_of(row: dict[str, Any]) -> str:
    """The status of an order for the filter of the list."""
    if row["cancelled_at"]:
        return "cancelled"
    return "closed" if row["closed_at"] else "open"


def beyond(keys: list[int], last: int, *, ascending: bool) -> list[int]:
    if ascending:
        return keys[bisect.bisect_right(keys, last) :]
    return keys[bisect.bisect_right(keys, -last, key=lambda key: -key) :]


def sealed(state: dict[str, Any]) -> str:
    """A cursor: a position in a list, with its filters."""
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def opened(info: str) -> dict[str, Any]:
    """The inverse of `sealed`; an oldest possible state for an invalid cursor."""
    try:
        state: dict[str, Any] = json.loads(base64.urlsafe_b64decode(info))
    except ValueError:
        return {"at": -1.0}
    return state


def link_header(url: str, limit: int, info: str, *, first: bool) -> str:
    """The Link header of a page that is not the last, with a comma inside <>."""
    following = f'<{url}?limit={limit}&page_info={info}>; rel="next"'
    return following if first else f'<{url}?limit={limit}&page_info=before,{info[:8]}>; rel="previous", {following}'

"""Lists of the fake shop: paging, order, date filters, and selected fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.errors import invalid_params, not_of_type, not_one_of
from tests.fakes.woocommerce.state import NAIVE, JsonObject, ShopState

DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE | re.ASCII
)
SHIPPING = "shipping."
DATE_FILTERS = {
    "after": ("date_created", 1),
    "before": ("date_created", -1),
    "modified_after": ("date_modified", 1),
    "modified_before": ("date_modified", -1),
}
Rows = list[JsonObject]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of rows, and the totals for the headers."""

    rows: Rows
    total: int
    pages: int


def texts(query: PhpQuery, name: str) -> list[str]:
    """A list parameter: comma-separated, or with indices."""
    value = query.get(name, "")
    return [text for text in (value.split(",") if isinstance(value, str) else value.values()) if text]


def whole(query: PhpQuery, name: str, default: int, most: int | None = None) -> int:
    """A page number or size; out of range is refused, never clamped."""
    value = query.get(name, str(default))
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+", value):
        raise invalid_params({name: not_of_type(name, "integer")})
    number = int(value)
    if number < 1 or (most is not None and number > most):
        bounds = "greater than or equal to 1" if most is None else f"between 1 (inclusive) and {most} (inclusive)"
        raise invalid_params({name: ("rest_out_of_bounds", f"{name} must be {bounds}", None)})
    return number


def one_of(query: PhpQuery, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise invalid_params({name: not_one_of(name, allowed)})
    return str(value)


def paged(query: PhpQuery, rows: Rows, *, forgets_totals: bool = False) -> Listed:
    """The requested page. Past the end it is an empty list, and orders lose their totals."""
    size, page = whole(query, "per_page", 10, 100), whole(query, "page", 1)
    start = int(str(query["offset"])) if query.get("offset") else (page - 1) * size
    found = rows[start : start + size]
    total = 0 if forgets_totals and not found else len(rows)
    return Listed(found, total, -(-total // size))


def ordered(query: PhpQuery, rows: Rows, keys: dict[str, Callable[[JsonObject], Any]], default: str) -> Rows:
    """The rows by `orderby` and `order`, then by id."""
    by = one_of(query, "orderby", tuple(keys), "date" if "date" in keys else "name")
    direction = one_of(query, "order", ("asc", "desc"), default)
    return sorted(rows, key=lambda row: (keys[by](row), row["id"]), reverse=direction == "desc")


def within_dates(shop: ShopState, query: PhpQuery, rows: Rows, *, loses_fractions: bool) -> Rows:
    """The rows that the date filters let through: exclusive, to the second.

    A value with a zone is first turned into the shop's wall clock, and then compared with the column that `dates_are_gmt`
    chooses, right or wrong. For orders a fraction makes the zone be forgotten.
    """
    is_gmt = query.get("dates_are_gmt") in ("true", "1", "True")
    for name, (field, sign) in DATE_FILTERS.items():
        value = query.get(name)
        if not value or (not shop.settings.knows_modified_after and name.startswith("modified")):
            continue
        bound = _bound(shop, name, str(value), loses_fractions and not is_gmt)
        column = f"{field}_gmt" if is_gmt else field
        rows = [row for row in rows if row[column] and (row[column] > bound if sign > 0 else row[column] < bound)]
    return rows


def _bound(shop: ShopState, name: str, value: str, loses_fractions: bool) -> str:
    match = DATE_TIME.fullmatch(value)
    if match is None:
        raise invalid_params({name: ("rest_invalid_date", "Invalid date.", None)})
    day, clock, fraction, zone = match.groups()
    if zone is None or (fraction and loses_fractions):
        return f"{day}T{clock}"
    moment = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
    return moment.astimezone(UTC).astimezone(shop.zone).strftime(NAIVE)


def only_fields(query: PhpQuery, row: JsonObject) -> JsonObject:
    """The fields of `_fields`. Of an order's address, single ones may be asked for; a product loses such names."""
    wanted = {text.strip() for text in texts(query, "_fields")}
    if not wanted:
        return row
    found = {name: value for name, value in row.items() if name in wanted}
    inner = {name.removeprefix(SHIPPING) for name in wanted if name.startswith(SHIPPING)}
    if inner and "shipping" in row:
        found["shipping"] = {name: value for name, value in row["shipping"].items() if name in inner}
    return found

"""Why a record was skipped: the closed set of codes, each with the plain words that a shop's owner reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REASONS = {
    "required": "is missing or empty",
    "not_an_object": "must be an object",
    "not_a_list": "must be a list",
    "not_text": "must be text",
    "not_a_number": "must be a number",
    "not_a_whole_number": "must be a whole number",
    "not_an_id": "must be a positive whole number within 64 bits",
    "not_a_date": "must be a date and time in ISO 8601, between the years 1000 and 9999",
    "not_a_uuid": "must be a UUID",
    "not_a_sku": "must hold no comma, and no blank at its begin or end",
    "not_a_flag": "must be true or false",
    "not_a_url": "must be an address that starts with http:// or https://",
    "not_below_regular_price": "must be lower than the regular price",
    "before_its_begin": "must not lie before the begin of the sale",
    "too_long": "is longer than allowed",
    "too_many": "has more entries than allowed",
    "out_of_range": "is outside the range that can be stored",
    "bad_characters": "contains characters that cannot be stored (NUL or half of a surrogate pair)",
    "too_far_ahead": "is more than 24 hours ahead of the time of acceptance",
    "refused_by_database": "could not be stored",
    "erased": "was erased on request",
    "more_problems": "stands for further problems of this record that are not listed",
}
PROBLEMS_LISTED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field. `field` is a path of known names and positions: `items[2].quantity`."""

    field: str
    code: str

    @property
    def reason(self) -> str:
        return REASONS[self.code]


def problems(messages: dict[Any, Any]) -> list[Problem]:
    """Flatten marshmallow's messages, which are our codes, into at most PROBLEMS_LISTED problems and a closing one."""
    found = list(_walk(messages, ""))
    if len(found) <= PROBLEMS_LISTED:
        return found
    return [*found[: PROBLEMS_LISTED - 1], Problem("*", "more_problems")]


def _walk(node: Any, path: str) -> list[Problem]:
    if isinstance(node, dict):
        return [problem for key, child in node.items() for problem in _walk(child, _join(path, key))]
    return [Problem(path or "*", str(node[0]))]


def _join(path: str, key: Any) -> str:
    if key == "_schema":
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)

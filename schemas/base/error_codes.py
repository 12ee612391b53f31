"""Why a record was skipped: all codes, each with the sentence that a shop's owner reads after the field's name."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

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
    "not_a_sku": "must not contain a comma, <, a tab, two blanks or an escape as %41, nor start or end with a blank",
    "empty_in_shop": 'is empty or 0 once markup is removed, and the shop would call the product "Product"',
    "not_a_flag": "must be true or false",
    "not_a_known_word": "is none of the words that are allowed",
    "not_a_url": "must be an address that starts with http:// or https://",
    "holds_an_address": "must not contain an e-mail address",
    "not_below_regular_price": "must be lower than the regular price",
    "before_its_begin": "must not be before the start of the sale",
    "too_long": "is longer than allowed",
    "too_many": "has more entries than allowed",
    "out_of_range": "is outside the range that can be stored",
    "bad_characters": "contains characters that cannot be stored (NUL or half of a surrogate pair)",
    "too_far_ahead": "is more than 24 hours after the batch was accepted",
    "refused_by_database": "could not be stored",
    "erased": "was erased on request",
    "more_problems": "has more problems that are not listed",
}
PROBLEMS_LISTED = 20
# How many bad entries of a list are collected after the first. 0 where problems are only counted.
further_entries: ContextVar[int] = ContextVar("further_entries", default=PROBLEMS_LISTED)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field. `field` is a path of known names and positions: `items[2].quantity`."""

    field: str
    code: str

    @property
    def reason(self) -> str:
        return REASONS[self.code]


def problems_of(error: ValidationError) -> list[Problem]:
    """Flatten marshmallow's messages into at most PROBLEMS_LISTED problems; the last one may be `more_problems`."""
    found = _walk({"_schema": error.messages} if isinstance(error.messages, list) else error.messages, "")
    if len(found) <= PROBLEMS_LISTED:
        return found
    return [*found[: PROBLEMS_LISTED - 1], Problem("*", "more_problems")]


def _walk(node: Any, path: str) -> list[Problem]:
    if isinstance(node, dict):
        found: list[Problem] = []
        for key, child in node.items():
            step = "" if key == "_schema" else f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
            found += _walk(child, path + step)
        return found
    return [Problem(path or "*", str(node[0]))]

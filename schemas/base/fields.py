"""The marshmallow fields that all entities share: strict about type and range, never echoing what they refuse.

Every error message is a code of `schemas.base.error_codes`; nothing here raises anything but ValidationError.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from marshmallow import Schema, ValidationError, fields

BIGINT_MAX = 2**63 - 1
MICRO = Decimal("0.000001")
MONEY_BOUND = Decimal(10) ** 14  # numeric(20,6) holds 14 digits before the point
TEXT_MAX = 2000
DIGITS = re.compile(r"[0-9]{1,19}")
SIGNED_DIGITS = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
DATE = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
ZERO_DATES = ("0000-00-00 00:00:00", "0000-00-00T00:00:00")  # what WordPress writes where there is none
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
COMMON_MESSAGES: dict[str, Any] = {"required": "required", "null": "required", "validator_failed": "out_of_range"}


class RecordSchema(Schema):
    """A record of the contract: unknown fields are ignored, and a missing object is said so by code."""

    error_messages = {"type": "not_an_object", "unknown": "not_an_object"}  # noqa: RUF012 - marshmallow's own shape


class StrictField(fields.Field[Any]):
    """A field whose messages are codes, and where an empty text means that there is no value."""

    default_error_messages = COMMON_MESSAGES

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """Read empty text as absence: PHP has no better word for it."""
        if value == "" and isinstance(value, str) and not isinstance(self, Text):
            value = None
            if not self.required:
                return None
        return super().deserialize(value, attr, data, **kwargs)


def refuse(code: str) -> ValidationError:
    """The one way in which a field says no."""
    return ValidationError(code)


class Text(StrictField):
    """Text of at most `longest` characters that PostgreSQL can store. Required text is not blank, unless allowed."""

    def __init__(self, *, longest: int = TEXT_MAX, blank: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest = longest
        self.blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise refuse("not_text")
        if len(value) > self.longest:
            raise refuse("too_long")
        if UNSTORABLE.search(value):
            raise refuse("bad_characters")
        if not self.blank and not value.strip():
            raise refuse("required")
        return value


class ExternalId(StrictField):
    """A platform's id: positive, within bigint; a numeric string is accepted, a fraction or boolean is not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, DIGITS)
        if number is None or not 0 < number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number


class Reference(StrictField):
    """Another record's id, or 0 where there is none: WooCommerce's guest, product-less line and top category."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | None:
        number = whole_number(value, DIGITS)
        if number is None or not 0 <= number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number or None


class Count(StrictField):
    """A whole number from 0 to what bigint holds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, SIGNED_DIGITS)
        if number is None:
            raise refuse("not_a_whole_number")
        if not 0 <= number <= BIGINT_MAX:
            raise refuse("out_of_range")
        return number


def whole_number(value: Any, pattern: re.Pattern[str]) -> int | None:
    """An int from a JSON integer or its text; None for anything else, booleans and fractions included."""
    if type(value) is int:
        return value
    if isinstance(value, str) and pattern.fullmatch(value.strip()):
        return int(value)
    return None


class Money(StrictField):
    """An amount or quantity for numeric(20,6): JSON number or its text, read by its digits, six decimals kept."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        number = decimal_number(value)
        if number is None:
            raise refuse("not_a_number")
        if not -MONEY_BOUND < number < MONEY_BOUND:
            raise refuse("out_of_range")
        number = number.quantize(MICRO, ROUND_HALF_UP)  # PostgreSQL's own rounding, so that both agree
        if abs(number) >= MONEY_BOUND:
            raise refuse("out_of_range")
        return number


def decimal_number(value: Any) -> Decimal | None:
    """A finite or infinite Decimal from a JSON number or its text; None for anything else, NaN and booleans included."""
    if type(value) is int or isinstance(value, Decimal):
        return None if Decimal(value).is_nan() else Decimal(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            return None
    return None


class Timestamp(StrictField):
    """A moment in ISO 8601; without a zone it is UTC. Microseconds are kept, what is finer is cut."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        if not isinstance(value, str):
            raise refuse("not_a_date")
        if value in ZERO_DATES and not self.required:
            return None
        moment = moment_of(value.strip())
        if moment is None:
            raise refuse("not_a_date")
        return moment


def moment_of(text: str) -> datetime | None:
    """The moment in UTC, or None where the text is no date or leaves the years 1000 to 9999 in UTC."""
    if not DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= 1000 else None


class EmailHash(StrictField):
    """An e-mail address as the API left it: 64 hexadecimal digits. Anything else was no text to begin with."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) != 64:
            raise refuse("not_text")
        return value


class Records(fields.List[Any]):
    """A list of nested records of at most `most` entries; one bad entry makes the whole invalid."""

    default_error_messages = {**COMMON_MESSAGES, "invalid": "not_a_list"}  # noqa: RUF012 - marshmallow's own shape

    def __init__(self, schema: type[RecordSchema], record: type[Any], *, most: int, **kwargs: Any) -> None:
        nested = fields.Nested(schema, required=True, error_messages={**COMMON_MESSAGES, "type": "not_an_object"})
        super().__init__(nested, **kwargs)
        self.entry_schema = schema()
        self.entry_record = record
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > self.most:
            raise refuse("too_many")
        return super()._deserialize(value, attr, data, **kwargs)

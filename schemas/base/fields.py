"""The marshmallow fields that all entities share. They are strict about type and range, and never repeat a refused value.

Every error message is a code of `schemas.base.error_codes`. Fields raise ValidationError and nothing else.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields

from schemas.base.contract_field import ContractField, FastCheck, JsonSchema
from schemas.base.error_codes import further_entries
from schemas.base.fast_validators import FastLoad, compile_schema
from schemas.base.privacy import HASH_LENGTHS, mask_emails

BIGINT_MAX: int = 2**63 - 1
MICRO = Decimal("0.000001")
MONEY_BOUND = Decimal(10) ** 14  # numeric(20,6) holds 14 digits before the point
SAFE_MONEY = MONEY_BOUND - 1  # rounding can't carry an amount below it over the bound
LONGEST_PLAIN_AMOUNT = 21  # a sign, thirteen digits, a point, six decimals
TEXT_MAX = 2000
DIGITS = re.compile(r"[0-9]{1,19}")
SIGNED_DIGITS = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
DATE = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
ZERO_DATES = ("0000-00-00 00:00:00", "0000-00-00T00:00:00")  # what WordPress writes for no date
PLAIN_ID = re.compile(r"[1-9][0-9]{0,18}").fullmatch
PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?").fullmatch
PLAIN_MOMENT = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?"
).fullmatch
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
BLANK = r"\s\u0000\u001c-\u001f\u0085"  # in a JSON Schema's pattern: what Python strips as blank, and NUL
MOMENT_SCHEMA: JsonSchema = {
    "type": "string",
    "format": "date-time",
    "pattern": "^[1-9][0-9]{3}-",
    "description": "ISO 8601, between the years 1000 and 9999; without a zone it is UTC",
}
COMMON_MESSAGES: dict[str, Any] = {"required": "required", "null": "required", "validator_failed": "out_of_range"}


class RecordSchema(Schema):
    """A record of the contract. Subclasses decide about unknown fields; errors are codes."""

    error_messages = {"type": "not_an_object", "unknown": "not_an_object"}  # noqa: RUF012 - marshmallow's own shape


class StrictField(ContractField, fields.Field[Any]):
    """A field whose messages are codes. Except in text, an empty string means that there is no value."""

    default_error_messages = COMMON_MESSAGES

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        # PHP plugins send "" for no number or no date.
        if value == "" and isinstance(value, str) and not isinstance(self, Text):
            value = None
            if not self.required:
                return None
        return super().deserialize(value, attr, data, **kwargs)


def refuse(code: str) -> ValidationError:
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

    def fast_check(self, variable: str) -> FastCheck:
        blank = "" if self.blank else f" or not {variable}.strip()"
        lines = [
            f"if type({variable}) is not str or len({variable}) > {self.longest}{blank}: return None",
            f"if not {variable}.isprintable() and unstorable({variable}): return None",
        ]
        return FastCheck(lines, {"unstorable": UNSTORABLE.search})

    def json_schema(self) -> JsonSchema:
        pattern = r"^([^\u0000]+)?$" if self.blank else rf"^[^\u0000]*[^{BLANK}][^\u0000]*$"
        return {"type": "string", "maxLength": self.longest, "pattern": pattern}


class MaskedText(Text):
    """Text in which each e-mail address is masked, for payloads that Sluice fetches itself.

    The plugin's records use Text: their envelope is masked as a whole before it is stored.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return mask_emails(super()._deserialize(value, attr, data, **kwargs))

    def fast_check(self, variable: str) -> FastCheck:
        plain = super().fast_check(variable)
        return FastCheck([*plain.lines, f"{variable} = masked({variable})"], {**plain.names, "masked": mask_emails})


class ExternalId(StrictField):
    """A platform's id: positive, within bigint; a numeric string is accepted, a fraction or boolean is not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, DIGITS)
        if number is None or not 0 < number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number

    def fast_check(self, variable: str) -> FastCheck:
        return FastCheck([fast_id_line(variable), fast_range_line(variable, "0 <")], {"id_of": fast_id})

    def json_schema(self) -> JsonSchema:
        return number_schema(1, BIGINT_MAX, "^[1-9][0-9]{0,17}$")


class Reference(StrictField):
    """Another record's id, or None. WooCommerce sends 0 for a guest, a line without a product, and a top category."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | None:
        number = whole_number(value, DIGITS)
        if number is None or not 0 <= number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number or None

    def fast_check(self, variable: str) -> FastCheck:
        lines = [fast_id_line(variable), fast_range_line(variable, "0 <="), f"{variable} = {variable} or None"]
        return FastCheck(lines, {"id_of": fast_id})

    def json_schema(self) -> JsonSchema:
        return number_schema(0, BIGINT_MAX, "^[0-9]{1,18}$")


class Count(StrictField):
    """A whole number from 0 to what bigint holds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, SIGNED_DIGITS)
        if number is None:
            raise refuse("not_a_whole_number")
        if not 0 <= number <= BIGINT_MAX:
            raise refuse("out_of_range")
        return number

    def fast_check(self, variable: str) -> FastCheck:
        return FastCheck([fast_range_line(variable, "0 <=")])

    def json_schema(self) -> JsonSchema:
        return number_schema(0, BIGINT_MAX, "^[0-9]{1,18}$")


def fast_id(text: str) -> int | None:
    return int(text) if PLAIN_ID(text) else None


def fast_id_line(variable: str) -> str:
    return f"if type({variable}) is str: {variable} = id_of({variable})"


def fast_range_line(variable: str, low: str) -> str:
    return f"if type({variable}) is not int or not {low} {variable} <= {BIGINT_MAX}: return None"


def number_schema(least: int, most: int, digits: str) -> JsonSchema:
    """A whole number, or the same as text that matches the pattern `digits`."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    return {"anyOf": [number, {"type": "string", "pattern": digits}]}


def whole_number(value: Any, pattern: re.Pattern[str]) -> int | None:
    """An int from a JSON integer or its text; None for anything else, including booleans and fractions."""
    if type(value) is int:
        return value
    if isinstance(value, str) and pattern.fullmatch(value.strip()):
        return int(value)
    return None


class Money(StrictField):
    """An amount or quantity for numeric(20,6), from a JSON number or its text, rounded to six decimals."""

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

    def fast_check(self, variable: str) -> FastCheck:
        return FastCheck(
            [f"{variable} = money({variable})", f"if {variable} is None: return None"], {"money": fast_money}
        )

    def json_schema(self) -> JsonSchema:
        return amount_schema(-99_999_999_999_999, r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$")


def fast_money(value: Any) -> Decimal | None:
    kind = type(value)
    if kind is str:
        # Longer texts are rare and must not fill the cache.
        return _fast_amount(value) if len(value) <= LONGEST_PLAIN_AMOUNT else None
    if (kind is Decimal or kind is int) and -SAFE_MONEY < value < SAFE_MONEY:
        return Decimal(value).quantize(MICRO, ROUND_HALF_UP)
    return None


@functools.lru_cache(maxsize=8192)  # a shop has few distinct prices: most amounts of a page are hits
def _fast_amount(text: str) -> Decimal | None:
    return Decimal(text).quantize(MICRO) if PLAIN_AMOUNT(text) else None


def amount_schema(least: int, digits: str) -> JsonSchema:
    """A number, or the same as text that matches the pattern `digits`."""
    number = {"type": "number", "minimum": least, "maximum": 99_999_999_999_999}
    return {"anyOf": [number, {"type": "string", "pattern": digits}]}


def decimal_number(value: Any) -> Decimal | None:
    """A finite or infinite Decimal from a JSON number or its text; None for anything else, including NaN and booleans."""
    if type(value) is int or isinstance(value, Decimal):
        return None if Decimal(value).is_nan() else Decimal(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            return None
    return None


class Timestamp(StrictField):
    """A moment in ISO 8601. Without a zone it is UTC. Digits beyond microseconds are cut."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        if not isinstance(value, str):
            raise refuse("not_a_date")
        if value in ZERO_DATES and not self.required:
            return None
        moment = moment_of(value.strip())
        if moment is None:
            raise refuse("not_a_date")
        return moment

    def fast_check(self, variable: str) -> FastCheck:
        lines = [f"{variable} = moment({variable})", f"if {variable} is None: return None"]
        return FastCheck(lines, {"moment": fast_moment})

    def json_schema(self) -> JsonSchema:
        return MOMENT_SCHEMA


def fast_moment(value: Any) -> datetime | None:
    if type(value) is not str or not PLAIN_MOMENT(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= 1000 else None


def moment_of(text: str) -> datetime | None:
    """The moment in UTC. None if the text is no date, or outside the years 1000 to 9999 in UTC."""
    if not DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= 1000 else None


class EmailHash(StrictField):
    """The hash of an e-mail address, as `email_hasher` makes it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) not in HASH_LENGTHS:
            raise refuse("not_text")
        return value

    def fast_check(self, variable: str) -> FastCheck:
        return FastCheck([f"if type({variable}) is not str or len({variable}) not in {HASH_LENGTHS}: return None"])

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "description": "an e-mail address; only its hash is kept"}


class Records(ContractField, fields.List[Any]):
    """A list of at most `most` nested records. One bad entry makes the whole list invalid."""

    fast_absent: ClassVar[str] = "()"

    default_error_messages = {**COMMON_MESSAGES, "invalid": "not_a_list"}  # noqa: RUF012 - marshmallow's own shape

    def __init__(self, schema: type[RecordSchema], record: type[Any], *, most: int, **kwargs: Any) -> None:
        nested = fields.Nested(schema, required=True, error_messages={**COMMON_MESSAGES, "type": "not_an_object"})
        super().__init__(nested, **kwargs)
        self.entry_schema = schema()
        self.entry_record = record
        self.most = most
        self.fast_entry: FastLoad | None = None  # set when the schema is compiled: what it accepts skips marshmallow

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > self.most:
            raise refuse("too_many")
        entries: list[Any] = []
        messages: dict[int, Any] = {}
        for index, entry in enumerate(value):
            try:
                fast = self.fast_entry(entry) if self.fast_entry else None
                entries.append(fast if fast is not None else self.inner.deserialize(entry, **kwargs))
            except ValidationError as error:
                messages[index] = error.messages
            if len(messages) > further_entries.get():
                break  # further errors would not be listed
        if messages:
            raise ValidationError(messages)
        return entries

    def fast_check(self, variable: str) -> FastCheck:
        self.fast_entry = compile_schema(self.entry_schema, self.entry_record)
        lines = [
            f"{variable} = entries({variable}, {self.most}, load_{variable})",
            f"if {variable} is None: return None",
        ]
        return FastCheck(lines, {"entries": fast_entries, f"load_{variable}": self.fast_entry})

    def json_schema(self) -> JsonSchema:
        return {"maxItems": self.most}


def fast_entries(value: Any, most: int, load: FastLoad) -> tuple[Any, ...] | None:
    if type(value) is not list or len(value) > most:
        return None
    entries = tuple(map(load, value))
    return None if None in entries else entries

"""The marshmallow fields that all entities share. They are strict about type and range, and never repeat a refused value.

Every error message is a code of `schemas.base.error_codes`. Fields raise ValidationError and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import chain, islice
from typing import Annotated, Any, ClassVar, Literal

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load
from msgspec import Meta
from msgspec.structs import fields as struct_fields

from schemas.base.contract_field import ContractField, JsonSchema, Unsure
from schemas.base.error_codes import further_entries
from schemas.base.fast_records import FastReader
from schemas.base.privacy import HASH_LENGTHS, mask_emails

BIGINT_MAX: int = 2**63 - 1
MICRO = Decimal("0.000001")
MONEY_BOUND = Decimal(10) ** 14  # numeric(20,6) holds 14 digits before the point
SAFE_FLOAT = 10**9  # below it, a double that is written with six decimals is the number that was sent, rounded to six
LONGEST_PLAIN_AMOUNT = 21  # a sign, thirteen digits, a point, six decimals
MOST_KNOWN_AMOUNTS = 8192
ZERO = Decimal("0.000000")  # of both signs, so that equal amounts are written alike
TEXT_MAX = 2000
DIGITS = re.compile(r"[0-9]{1,19}")
SIGNED_DIGITS = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
DATE = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
ZERO_DATES = ("0000-00-00 00:00:00", "0000-00-00T00:00:00")  # what WordPress writes for no date
PLAIN_ID = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}\Z")]
PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?").fullmatch
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
    """A payload that is loaded into `record`. Unknown fields are dropped; errors are codes."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "not_an_object", "unknown": "not_an_object"}  # noqa: RUF012 - marshmallow's own shape
    record: ClassVar[type[Any]]
    known_only: ClassVar[bool] = False  # whether the fast reader leaves a payload with unknown fields to marshmallow

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Any:
        return self.record(**data)


def reader_of(schema: RecordSchema) -> FastReader:
    """Of a schema without some fields at the end of its record, the others get their defaults."""
    names = [name for name in schema.record.__struct_fields__ if name in schema.fields]
    core = _core_of(schema) if schema.known_only else None
    reader = reader_of(core) if core else None
    return FastReader(schema, schema.record, names, known_only=schema.known_only, core=reader)


def _core_of(schema: RecordSchema) -> RecordSchema | None:
    """The schema without the fields that have a default in its record, also in its lists; None if there are none."""
    names = [field.name for field in struct_fields(schema.record) if field.required and field.name in schema.fields]
    lists = {name: field for name in names if isinstance(field := schema.fields[name], Records)}
    entries = {name: _core_of(field.entry_schema) for name, field in lists.items()}
    if len(names) == len(schema.fields) and not any(entries.values()):
        return None
    core = type(schema)(only=names)
    core.fields = {name: core.fields[name] for name in names}
    for name, field in lists.items():
        core.fields[name] = copied = copy(field)
        copied.entry_schema = entries[name] or field.entry_schema
    return core


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

    def fast_type(self) -> Any:
        return Annotated[str, Meta(min_length=0 if self.blank else 1, max_length=self.longest)]

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        if not self.blank and any(text is not None and not text.strip() for text in column):
            raise Unsure
        return column

    def json_schema(self) -> JsonSchema:
        pattern = r"^([^\u0000]+)?$" if self.blank else rf"^[^\u0000]*[^{BLANK}][^\u0000]*$"
        return {"type": "string", "maxLength": self.longest, "pattern": pattern}


class MaskedText(Text):
    """Text in which each e-mail address is masked, for payloads that Sluice fetches itself.

    The plugin's records use Text: their envelope is masked as a whole before it is stored.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return mask_emails(super()._deserialize(value, attr, data, **kwargs))

    def fast_type(self) -> Any:
        return super().fast_type()

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [text and mask_emails(text) for text in super().fast_column(column)]


class ExternalId(StrictField):
    """A platform's id: positive, within bigint; a numeric string is accepted, a fraction or boolean is not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, DIGITS)
        if number is None or not 0 < number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number

    def fast_type(self) -> Any:
        return Annotated[int, Meta(ge=1, le=BIGINT_MAX)] | PLAIN_ID

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return fast_ids(column)

    def json_schema(self) -> JsonSchema:
        return number_schema(1, BIGINT_MAX, "^[1-9][0-9]{0,17}$")


class Reference(StrictField):
    """Another record's id, or None. WooCommerce sends 0 for a guest, a line without a product, and a top category."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | None:
        number = whole_number(value, DIGITS)
        if number is None or not 0 <= number <= BIGINT_MAX:
            raise refuse("not_an_id")
        return number or None

    def fast_type(self) -> Any:
        return Annotated[int, Meta(ge=0, le=BIGINT_MAX)] | PLAIN_ID

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [number or None for number in fast_ids(column)]

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

    def fast_type(self) -> Any:
        return Annotated[int, Meta(ge=0, le=BIGINT_MAX)]

    def json_schema(self) -> JsonSchema:
        return number_schema(0, BIGINT_MAX, "^[0-9]{1,18}$")


def fast_ids(column: Sequence[Any]) -> Sequence[int | None]:
    if set(map(type, column)) == {int}:
        return column
    numbers = [None if value is None else int(value) for value in column]
    if any(number is not None and number > BIGINT_MAX for number in numbers):
        raise Unsure
    return numbers


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
        return number or ZERO

    def fast_type(self) -> Any:
        # Not Decimal, which reads 1_000 and the digits of all scripts.
        return Annotated[str, Meta(max_length=LONGEST_PLAIN_AMOUNT)] | int | float

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return map((REQUIRED_AMOUNTS if self.required else AMOUNTS).__getitem__, column)

    def json_schema(self) -> JsonSchema:
        return amount_schema(-99_999_999_999_999, r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$")


class Amounts(dict[Any, Decimal | None]):
    """The amounts that were read, by their values in JSON: a shop has few distinct prices."""

    def __init__(self, *no_amounts: Any) -> None:
        super().__init__()
        self.no_amounts = no_amounts

    def __missing__(self, value: Any) -> Decimal | None:
        if value in self.no_amounts:
            self[value] = None
            return None
        text = repr(value) if isinstance(value, float) else str(value)
        if not PLAIN_AMOUNT(text) or (isinstance(value, float) and abs(value) >= SAFE_FLOAT):
            raise Unsure
        amount = Decimal(text).quantize(MICRO) or ZERO
        if len(self) >= MOST_KNOWN_AMOUNTS:
            self.clear()
        # A large integer is equal to floats that stand for other numbers.
        if isinstance(value, str) or abs(value) < SAFE_FLOAT:
            self[value] = amount
        return amount


REQUIRED_AMOUNTS = Amounts()
AMOUNTS = Amounts(None, "")


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

    def fast_type(self) -> Any:
        return datetime

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [moment and plain_moment(moment) for moment in column]

    def json_schema(self) -> JsonSchema:
        return MOMENT_SCHEMA


def plain_moment(moment: datetime) -> datetime:
    """The moment in UTC. Raises Unsure outside the years 1000 to 9999, and for a fraction of a second, which may be rounded."""
    if moment.microsecond or moment.year < 1000:
        raise Unsure
    if moment.tzinfo is UTC:
        return moment
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment.year < 1000:
        raise Unsure
    return moment


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


class Flag(StrictField):
    """`true` or `false`, as JSON or as text in a CSV file."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        word = value.strip().lower() if isinstance(value, str) else value
        if word is True or word == "true":
            return True
        if word is False or word == "false":
            return False
        raise refuse("not_a_flag")

    def fast_type(self) -> Any:
        return bool

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


class OneOf(Text):
    """One of a few words."""

    def __init__(self, words: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = frozenset(words)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise refuse("not_a_known_word")
        return value

    def fast_type(self) -> Any:
        return Literal[tuple(sorted(self.words))]

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "enum": sorted(self.words)}


class EmailHash(StrictField):
    """The hash of an e-mail address, as `email_hasher` makes it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) not in HASH_LENGTHS:
            raise refuse("not_text")
        return value

    def fast_type(self) -> Any:
        return Annotated[str, Meta(min_length=min(HASH_LENGTHS), max_length=max(HASH_LENGTHS))]

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        if any(digest is not None and len(digest) not in HASH_LENGTHS for digest in column):
            raise Unsure
        return column

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "description": "an e-mail address; only its hash is kept"}


class Records(ContractField, fields.List[Any]):
    """A list of at most `most` nested records, as a tuple; null is an empty one. One bad entry makes the whole list invalid."""

    default_error_messages = {**COMMON_MESSAGES, "invalid": "not_a_list"}  # noqa: RUF012 - marshmallow's own shape

    def __init__(self, schema: type[RecordSchema], *, most: int) -> None:
        nested = fields.Nested(schema, required=True, error_messages={**COMMON_MESSAGES, "type": "not_an_object"})
        super().__init__(nested, load_default=(), allow_none=True)
        self.entry_schema = schema()
        self.most = most
        self.reader: FastReader | None = None  # set when the schema has a reader: what it accepts skips marshmallow

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        return super().deserialize(() if value is None else value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value == ():
            return ()
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > self.most:
            raise refuse("too_many")
        entries: list[Any] = []
        messages: dict[int, Any] = {}
        fast = self.reader.read_each(value) if self.reader else [None] * len(value)
        for index, entry in enumerate(value):
            try:
                entries.append(self.inner.deserialize(entry, **kwargs) if fast[index] is None else fast[index])
            except ValidationError as error:
                messages[index] = error.messages
            if len(messages) > further_entries.get():
                break  # further errors would not be listed
        if messages:
            raise ValidationError(messages)
        return tuple(entries)

    def fast_type(self) -> Any:
        self.reader = reader_of(self.entry_schema)
        return Annotated[list[self.reader.shape], Meta(max_length=self.most)]  # type: ignore[name-defined]  # made at run time

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        if self.reader is None:
            raise Unsure
        lists = [entries or () for entries in column]
        entries = iter(self.reader.finish([*chain.from_iterable(lists)]))
        return [tuple(islice(entries, len(each))) for each in lists]

    def json_schema(self) -> JsonSchema:
        return {"maxItems": self.most}

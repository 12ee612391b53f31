"""Marshmallow fields that only the platforms' own payloads need. The same rules hold as in `schemas.base.fields`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, get_type_hints

from marshmallow import ValidationError, fields
from msgspec import Meta, Struct

from schemas.base.contract_field import ContractField, Unsure
from schemas.base.fast_records import FastReader
from schemas.base.fields import (
    MICRO,
    MONEY_BOUND,
    TEXT_MAX,
    ZERO,
    ExternalId,
    MaskedText,
    Money,
    RecordSchema,
    Reference,
    StrictField,
    Timestamp,
    reader_of,
    refuse,
)
from schemas.base.privacy import mask_emails

LAST_SECOND = 253_402_300_799  # the end of the year 9999, in UTC
LONGEST_LIST = 100
OPTIONAL: dict[str, Any] = {"load_default": None, "allow_none": True}


class Payload(Struct, frozen=True, gc=False):
    """The fields of a platform's own payload that are read. Each is annotated with its type and its marshmallow field."""


def schema_of(payload: type[Payload]) -> type[RecordSchema]:
    """The schema of a payload."""
    hints = get_type_hints(payload, include_extras=True)
    members: dict[str, Any] = {name: hints[name].__metadata__[0] for name in payload.__struct_fields__}
    return type(f"{payload.__name__}Schema", (RecordSchema,), {"record": payload, **members})


Id = Annotated[int, ExternalId(required=True)]
OptionalId = Annotated[int | None, Reference(**OPTIONAL)]
Amount = Annotated[Decimal, Money(required=True)]
OptionalAmount = Annotated[Decimal | None, Money(**OPTIONAL)]
OptionalText = Annotated[str | None, MaskedText(**OPTIONAL)]
OptionalMoment = Annotated[datetime | None, Timestamp(**OPTIONAL)]


class MaskedTexts(StrictField):
    """A list of at most LONGEST_LIST texts, masked, as a tuple."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > LONGEST_LIST:
            raise refuse("too_many")
        text = MaskedText(required=True)
        return tuple(text.deserialize(entry) for entry in value)

    def fast_type(self) -> Any:
        return Annotated[list[Annotated[str, Meta(max_length=TEXT_MAX)]], Meta(max_length=LONGEST_LIST)]

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [texts if texts is None else tuple(map(mask_emails, texts)) for texts in column]


class UnixSeconds(StrictField):
    """A moment in whole seconds since 1970, as TikTok Shop writes it. 0 means none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        if type(value) is not int or not 0 <= value <= LAST_SECOND:
            raise refuse("not_a_date")
        if value == 0:
            if self.required:
                raise refuse("required")
            return None
        return datetime.fromtimestamp(value, UTC)

    def fast_type(self) -> Any:
        return Annotated[int, Meta(ge=1, le=LAST_SECOND)]

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [seconds and datetime.fromtimestamp(seconds, UTC) for seconds in column]


class NestedRecord(ContractField, fields.Nested):
    """One nested object."""

    def __init__(self, schema: type[RecordSchema], **kwargs: Any) -> None:
        messages: dict[str, Any] = {"required": "required", "null": "required", "type": "not_an_object"}
        super().__init__(schema, error_messages=messages, **kwargs)
        self.nested_schema = schema()
        self.reader: FastReader | None = None

    def fast_type(self) -> Any:
        self.reader = reader_of(self.nested_schema)
        return self.reader.shape

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        if self.reader is None:
            raise Unsure
        entries = iter(self.reader.finish([entry for entry in column if entry is not None]))
        return [None if entry is None else next(entries) for entry in column]


def storable(amount: Decimal, field: str) -> Decimal:
    """A computed amount that numeric(20,6) can hold, with six decimals. Raises ValidationError for `field` otherwise."""
    if not -MONEY_BOUND < amount < MONEY_BOUND:
        raise ValidationError({field: ["out_of_range"]})
    return amount.quantize(MICRO) or ZERO


def storable_sum(field: str, amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the amounts that are not None; None if all are. Raises ValidationError as `storable` does."""
    given = [amount for amount in amounts if amount is not None]
    return storable(sum(given, ZERO), field) if given else None

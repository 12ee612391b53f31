"""Marshmallow fields that only the platforms' own payloads need. The same rules hold as in `schemas.base.fields`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, post_load

from schemas.base.contract_field import ContractField, FastCheck
from schemas.base.fast_validators import compile_schema
from schemas.base.fields import MONEY_BOUND, TEXT_MAX, MaskedText, RecordSchema, StrictField, refuse
from schemas.base.privacy import mask_emails

LAST_SECOND = 253_402_300_799  # the end of the year 9999, in UTC
LONGEST_LIST = 100
OPTIONAL: dict[str, Any] = {"load_default": None, "allow_none": True}
SEVERAL: dict[str, Any] = {"load_default": (), "allow_none": True}


class NativeSchema(RecordSchema):
    """A platform's own payload; `record` is the plain class that it is loaded into."""

    class Meta:
        unknown = EXCLUDE

    record: type[Any]

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Any:
        return self.record(**data)


class MaskedTexts(StrictField):
    """A list of at most LONGEST_LIST texts, masked, as a tuple."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > LONGEST_LIST:
            raise refuse("too_many")
        text = MaskedText(required=True)
        return tuple(text.deserialize(entry) for entry in value)

    def fast_check(self, variable: str) -> FastCheck:
        return FastCheck(
            [f"{variable} = texts({variable})", f"if {variable} is None: return None"], {"texts": fast_texts}
        )


def fast_texts(value: Any) -> tuple[str, ...] | None:
    if type(value) is not list or len(value) > LONGEST_LIST:
        return None
    plain = all(type(text) is str and len(text) <= TEXT_MAX and text.isprintable() for text in value)
    return tuple(map(mask_emails, value)) if plain else None


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

    def fast_check(self, variable: str) -> FastCheck:
        lines = [
            f"if type({variable}) is not int or not 0 < {variable} <= {LAST_SECOND}: return None",
            f"{variable} = from_unix({variable}, UTC)",
        ]
        return FastCheck(lines, {"from_unix": datetime.fromtimestamp, "UTC": UTC})


class NestedRecord(ContractField, fields.Nested):
    """One nested object, loaded into `record`."""

    def __init__(self, schema: type[RecordSchema], record: type[Any], **kwargs: Any) -> None:
        messages: dict[str, Any] = {"required": "required", "null": "required", "type": "not_an_object"}
        super().__init__(schema, error_messages=messages, **kwargs)
        self.nested_schema = schema()
        self.nested_record = record

    def fast_check(self, variable: str) -> FastCheck:
        load = compile_schema(self.nested_schema, self.nested_record)
        lines = [f"{variable} = load_{variable}({variable})", f"if {variable} is None: return None"]
        return FastCheck(lines, {f"load_{variable}": load})


def storable(amount: Decimal, field: str) -> Decimal:
    """A computed amount that numeric(20,6) can hold. Raises ValidationError for `field` otherwise."""
    if not -MONEY_BOUND < amount < MONEY_BOUND:
        raise ValidationError({field: ["out_of_range"]})
    return amount


def storable_sum(field: str, amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the amounts that are not None; None if all are. Raises ValidationError as `storable` does."""
    given = [amount for amount in amounts if amount is not None]
    return storable(sum(given, Decimal(0)), field) if given else None

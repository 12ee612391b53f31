"""Fields that only the platforms' own payloads need, in the manner of `schemas.base.fields`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, post_load

from schemas.base.fields import MONEY_BOUND, RecordSchema, StrictField, Text, refuse
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


class MaskedText(Text):
    """Text in which each e-mail address is cut to its first letter: sellers and buyers type them anywhere."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return mask_emails(super()._deserialize(value, attr, data, **kwargs))


class MaskedTexts(StrictField):
    """A list of short texts, masked, as a tuple; null is an empty one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise refuse("not_a_list")
        if len(value) > LONGEST_LIST:
            raise refuse("too_many")
        text = MaskedText(required=True)
        return tuple(text.deserialize(entry) for entry in value)


class UnixSeconds(StrictField):
    """A moment in whole seconds since 1970, as TikTok Shop writes them; 0 is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        if type(value) is not int or not 0 <= value <= LAST_SECOND:
            raise refuse("not_a_date")
        if value == 0:
            if self.required:
                raise refuse("required")
            return None
        return datetime.fromtimestamp(value, UTC)


class Part(fields.Nested):
    """One nested object of a known shape."""

    def __init__(self, schema: type[RecordSchema], record: type[Any], **kwargs: Any) -> None:
        messages: dict[str, Any] = {"required": "required", "null": "required", "type": "not_an_object"}
        super().__init__(schema, error_messages=messages, **kwargs)
        self.part_schema = schema()
        self.part_record = record


def storable(amount: Decimal, field: str) -> Decimal:
    """An amount that we computed, if numeric(20,6) holds it. Raises ValidationError with the field at fault."""
    if not -MONEY_BOUND < amount < MONEY_BOUND:
        raise ValidationError({field: ["out_of_range"]})
    return amount


def storable_sum(field: str, amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is there; None where nothing is. Raises ValidationError as `storable` does."""
    given = [amount for amount in amounts if amount is not None]
    return storable(sum(given, Decimal(0)), field) if given else None

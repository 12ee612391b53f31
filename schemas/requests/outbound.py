"""Request bodies of the outbound routes (specification 3)."""

from __future__ import annotations

from typing import Any

from schemas.base.contract_field import JsonSchema
from schemas.base.fields import MOMENT_SCHEMA, moment_of
from schemas.records.erp import DISCONTINUED_POLICIES, TRASHED_POLICIES
from schemas.requests.fields import Choice, RequestField, RequestSchema, Truth

MOST_EVENTS = 5000


class Moment(RequestField):
    """A date and time. Whether it has passed is checked by the view, which has the clock."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be a date and time in ISO 8601 that has passed", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        moment = moment_of(value) if isinstance(value, str) else None
        if moment is None:
            raise self.wrong()
        return moment

    def json_schema(self) -> JsonSchema:
        return MOMENT_SCHEMA


class Entries(RequestField):
    """An array. Its entries are validated one by one elsewhere."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be an array", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.wrong()
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "array"}


class RunSchema(RequestSchema):
    """A run over all items. With `force`, what does not differ in the shop is sent too."""

    force = Truth(load_default=False)


class PullOrdersSchema(RequestSchema):
    """Orders changed since `since`, by default since the last pull."""

    since = Moment(load_default=None, allow_none=True)


class DiscontinuedSchema(RequestSchema):
    """What becomes of discontinued products in the shop."""

    policy = Choice(DISCONTINUED_POLICIES, required=True)


class TrashedSchema(RequestSchema):
    """What becomes of products in the shop's trash."""

    policy = Choice(TRASHED_POLICIES, required=True)


class EventsSchema(RequestSchema):
    """The ERP's events."""

    events = Entries(required=True)

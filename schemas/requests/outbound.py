"""What is asked of the outbound side: the bodies of its doors (specification 3)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import moment_of
from schemas.requests.fields import RequestField, RequestSchema, Truth

MOST_EVENTS = 5000


class Moment(RequestField):
    """A date and time that has passed is wanted; whether it has is judged where the clock is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be a date and time in ISO 8601 that has passed", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        moment = moment_of(value) if isinstance(value, str) else None
        if moment is None:
            raise self.wrong()
        return moment


class Entries(RequestField):
    """An array; each entry is judged by itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be an array", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.wrong()
        return value


class RunSchema(RequestSchema):
    """A run over everything: `force` sends also what the shop has already."""

    force = Truth(load_default=False)


class PullOrdersSchema(RequestSchema):
    """Orders that changed since then; since the last pull where nothing is said."""

    since = Moment(load_default=None, allow_none=True)


class EventsSchema(RequestSchema):
    """The ERP's events."""

    events = Entries(required=True)

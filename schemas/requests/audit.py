"""What is asked of the audit trail: a page of it, by action, actor and time."""

from __future__ import annotations

import re
from typing import Any, cast

from schemas.base.contract_field import JsonSchema
from schemas.base.fields import MOMENT_SCHEMA, moment_of
from schemas.requests.fields import QueryWhole, RequestField, RequestSchema, Words
from schemas.requests.lists import DEFAULT_PAGE, LARGEST_PAGE, Cursor

ACTION = "^[a-z_]{1,40}([.][a-z_]{1,20})?$"
ACTOR = "^[A-Za-z0-9._-]{1,64}$"
POSITION = "[0-9]{1,16}[.][0-9]{1,18}"  # microseconds since 1970, within what a date can be, and a row


class MatchedWords(Words):
    """Text of a form that is checked here."""

    def __init__(self, words: str, *, pattern: str, **kwargs: Any) -> None:
        super().__init__(pattern=pattern, **kwargs)
        self.words = words

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(str(self.pattern), value) or value.endswith("\n"):
            raise self.wrong()
        return value


class PointInTime(RequestField):
    """A moment, passed or to come; a date alone is its midnight in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be a date and time in ISO 8601", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        moment = moment_of(value) if isinstance(value, str) else None
        if moment is None:
            raise self.wrong()
        return moment

    def json_schema(self) -> JsonSchema:
        return MOMENT_SCHEMA


# Made from a dictionary: `from` is no name that a class could give.
AuditQuery = cast(
    "type[RequestSchema]",
    RequestSchema.from_dict(
        {
            "limit": QueryWhole(1, LARGEST_PAGE, load_default=DEFAULT_PAGE),
            "cursor": Cursor(POSITION, load_default=None),
            "action": MatchedWords("must be the name of an action", pattern=ACTION, load_default=None),
            "actor": MatchedWords("must be an actor or a kind of actor", pattern=ACTOR, load_default=None),
            "from": PointInTime(load_default=None),
            "to": PointInTime(load_default=None),
        },
        name="AuditQuery",
    ),
)

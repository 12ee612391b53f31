"""The console's forms: their fields, and the one reader of a submitted form.

Values arrive as text. Blanks around a value are dropped, and an empty field counts as left out. Each message is shown
beside its field, so it is a whole sentence. No message repeats a value: it may be a credential.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from schemas.requests.fields import RequestField

MOST_DIGITS = 12


class WrongForm(ValueError):
    """`problems` maps each wrong field to a sentence that says what to enter."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("the form has wrong fields")
        self.problems = problems


class FormSchema(Schema):
    """A form. Fields that it does not know are ignored, such as the CSRF token."""

    class Meta:
        unknown = EXCLUDE


class FormChoice(RequestField):
    """One of `allowed`, which a schema may set when it is made."""

    def __init__(self, message: str, allowed: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.allowed = allowed

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if value not in self.allowed:
            raise self.wrong()
        return str(value)


class FormNumber(RequestField):
    """A whole number from 1 to `most`, or None."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(f"Enter a whole number from 1 to {most:,}.", load_default=None, **kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS
        if not is_number or not 1 <= int(value) <= self.most:
            raise self.wrong()
        return int(value)


class FormText(RequestField):
    """Printable text of at most `longest` characters."""

    def __init__(self, message: str, *, longest: int, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) > self.longest or not value.isprintable():
            raise self.wrong()
        return value


def read_form(schema: Schema, sent: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """The values of a submitted form. Raises WrongForm with one message for each wrong field."""
    filled = {name: value.strip() if isinstance(value, str) else value for name, value in sent.items()}
    try:
        loaded: dict[str, Any] = schema.load({name: value for name, value in filled.items() if value})
    except ValidationError as error:
        # Not chained: marshmallow's error holds the submitted values.
        raise WrongForm({name: messages[0] for name, messages in error.messages_dict.items()}) from None
    return loaded

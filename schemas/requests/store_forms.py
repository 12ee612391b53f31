"""The forms of a store's page: credentials, schedule, new store, new token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, pre_load, validates_schema

from schemas.base.privacy import mask_emails
from schemas.platforms.registry import PLATFORMS
from schemas.requests.fields import RequestField
from schemas.requests.forms import FormChoice, FormNumber, FormSchema, FormText, read_form
from schemas.requests.modes import PULL_MODES
from schemas.requests.pulls import MOST_SECONDS
from schemas.requests.start_form import PullFormSchema

MOST_CHARACTERS = 4000
MOST_NAME = 200
MOST_DAYS_OF_TOKEN = 3650


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """Either `cron` or `every_seconds` is set."""

    entity: str
    mode: str
    stale_after_mins: int | None
    cron: str | None
    every_seconds: int | None


@dataclass(frozen=True, slots=True)
class StoreForm:
    name: str
    platform: str
    url: str | None


@dataclass(frozen=True, slots=True)
class TokenForm:
    """`scopes` is empty unless `role` is the custom one. Without `days` the token does not expire."""

    role: str
    scopes: tuple[str, ...]
    label: str | None
    days: int | None


class Credential(RequestField):
    """A key, secret or token of a platform."""

    def __init__(self, *, required: bool) -> None:
        super().__init__("This field is required.", required=required)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS or "\0" in value:
            raise ValidationError("This is too long, or holds a character that no credential has.")
        return value


class WebAddress(RequestField):
    """An http or https URL without a user name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            raise self.wrong() from None
        is_clean = len(value) <= MOST_CHARACTERS and value.isprintable() and " " not in value
        is_whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is None
        if not is_clean or not is_whole:
            raise self.wrong()
        return str(value)


class Label(RequestField):
    """What a token is for."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        try:
            return read_label(value)
        except ValueError as error:
            raise ValidationError(f"{error}") from None


class ScopeBoxes(RequestField):
    """The ticked boxes: a list of scopes, each one of `allowed`."""

    allowed: Collection[str] = ()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not set(value) <= set(self.allowed):
            raise self.wrong()
        return tuple(value)


class ScheduleFormSchema(PullFormSchema):
    """A schedule runs every so many minutes, or by a cron expression."""

    every_minutes = FormNumber(MOST_SECONDS // 60)
    cron = fields.String(load_default=None)  # the scheduler decides which expressions it can follow

    @validates_schema(skip_on_field_errors=False)
    def check_timing(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if "every_minutes" in data and (data.get("cron") is None) == (data["every_minutes"] is None):
            raise ValidationError("Enter either a number of minutes or a cron expression.", "every_minutes")


class StoreFormSchema(FormSchema):
    """A new store."""

    name = FormText(f"Enter a name of at most {MOST_NAME} characters.", longest=MOST_NAME, required=True)
    platform = FormChoice("Choose a platform.", PLATFORMS, required=True)
    url = WebAddress("Enter the shop's whole address, such as https://shop.example.", load_default=None)


class TokenFormSchema(FormSchema):
    """A new token: a role of `presets`, or `custom` with scopes chosen one by one."""

    role = FormChoice("Choose what the token is for.", required=True)
    scopes = ScopeBoxes("Choose at least one scope.", load_default=())
    label = Label("Enter a label.", load_default=None)
    days = FormNumber(MOST_DAYS_OF_TOKEN)

    def __init__(self, presets: Collection[str], custom: str, scopes: Collection[str]) -> None:
        super().__init__()
        self.custom = custom
        role, boxes = self.fields["role"], self.fields["scopes"]
        assert isinstance(role, FormChoice) and isinstance(boxes, ScopeBoxes)
        role.allowed, boxes.allowed = (*presets, custom), scopes

    @pre_load
    def drop_scopes_of_presets(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return data if data.get("role") == self.custom else {n: v for n, v in data.items() if n != "scopes"}

    @validates_schema(skip_on_field_errors=False)
    def check_scopes(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data.get("role") == self.custom and data.get("scopes") == ():
            raise ValidationError("Choose at least one scope.", "scopes")


_CREDENTIALS = {
    name: FormSchema.from_dict({field.name: Credential(required=field.is_required) for field in platform.credentials})()
    for name, platform in PLATFORMS.items()
}


def read_credentials_form(sent: Mapping[str, str], platform: str) -> dict[str, str]:
    """The credentials that were filled in, by name. Raises WrongForm, which repeats no value."""
    return read_form(_CREDENTIALS[platform], sent)


def read_schedule_form(sent: Mapping[str, str], entities: Collection[str], modes: Collection[str]) -> ScheduleForm:
    """The scheduler checks the timing itself. Raises WrongForm."""
    asked = read_form(ScheduleFormSchema(entities, modes), sent)
    minutes, mode = asked.pop("every_minutes"), asked["mode"]
    if PULL_MODES[mode].needs != "staleAfterMins":
        asked["stale_after_mins"] = None
    return ScheduleForm(**asked, every_seconds=None if minutes is None else minutes * 60)


def read_store_form(sent: Mapping[str, str]) -> StoreForm:
    """Raises WrongForm."""
    return StoreForm(**read_form(StoreFormSchema(), sent))


def read_token_form(
    sent: Mapping[str, str], ticked: Collection[str], presets: Collection[str], custom: str, scopes: Collection[str]
) -> TokenForm:
    """`ticked` are the scopes of the form's boxes; they count for the role `custom` only. Raises WrongForm."""
    schema = TokenFormSchema(presets, custom, scopes)
    return TokenForm(**read_form(schema, dict(sent.items()) | {"scopes": tuple(ticked)}))


def read_label(text: str) -> str | None:
    """What a token is for, with e-mail addresses masked; None for blank text. Raises ValueError with a plain sentence."""
    label = mask_emails(text.strip())
    if len(label) > MOST_NAME or not label.isprintable():
        raise ValueError(f"Enter a label of at most {MOST_NAME} printable characters.")
    return label or None

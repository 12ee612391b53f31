"""The forms about a store: its credentials by platform, its schedules, and a new store. Wrong fields are told by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.base.privacy import mask_emails
from schemas.platforms.registry import PLATFORMS
from schemas.requests.modes import PULL_MODES
from schemas.requests.pulls import MOST_MINUTES, MOST_SECONDS
from schemas.requests.start_form import WrongForm

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
    """`scopes` is empty unless `role` says that they are chosen one by one; `days` None: it does not expire."""

    role: str
    scopes: tuple[str, ...]
    label: str | None
    days: int | None


def read_credentials_form(fields: Mapping[str, str], platform: str) -> dict[str, str]:
    """The filled-in fields. Raises WrongForm, which repeats no value."""
    problems: dict[str, str] = {}
    found = {field.name: fields.get(field.name, "").strip() for field in PLATFORMS[platform].credentials}
    for field in PLATFORMS[platform].credentials:
        if field.is_required and not found[field.name]:
            problems[field.name] = "This is needed."
        if len(found[field.name]) > MOST_CHARACTERS or "\0" in found[field.name]:
            problems[field.name] = "This can't be right: it is too long, or holds a character that no credential has."
    if problems:
        raise WrongForm(problems)
    return {name: value for name, value in found.items() if value}


def read_schedule_form(fields: Mapping[str, str], entities: Collection[str], modes: Collection[str]) -> ScheduleForm:
    """Whether its timing can be followed is judged elsewhere. Raises WrongForm."""
    problems: dict[str, str] = {}
    entity, mode, cron = (fields.get(name, "").strip() for name in ("entity", "mode", "cron"))
    if entity not in entities:
        problems["entity"] = "Choose what to sync."
    if mode not in modes:
        problems["mode"] = "Choose a mode."
    minutes = _whole("every_minutes", fields, MOST_SECONDS // 60, problems)
    stale = _whole("stale_after_mins", fields, MOST_MINUTES, problems)
    if "every_minutes" not in problems and bool(cron) == (minutes is not None):
        problems["every_minutes"] = "Write either a number of minutes or a cron expression."
    needs_stale = mode in modes and PULL_MODES[mode].needs == "staleAfterMins"
    if needs_stale and stale is None and "stale_after_mins" not in problems:
        problems["stale_after_mins"] = "This mode needs to know how far back to look."
    if problems:
        raise WrongForm(problems)
    every = minutes * 60 if minutes is not None else None
    return ScheduleForm(entity, mode, stale if needs_stale else None, cron or None, every)


def read_store_form(fields: Mapping[str, str]) -> StoreForm:
    """Raises WrongForm."""
    problems: dict[str, str] = {}
    name, platform, url = (fields.get(field, "").strip() for field in ("name", "platform", "url"))
    if not name or len(name) > MOST_NAME or not name.isprintable():
        problems["name"] = f"Write a name of at most {MOST_NAME} characters."
    if platform not in PLATFORMS:
        problems["platform"] = "Choose a platform."
    if url and not _is_web_address(url):
        problems["url"] = "Write the shop's whole address, such as https://shop.example."
    if problems:
        raise WrongForm(problems)
    return StoreForm(name, platform, url or None)


def read_token_form(
    fields: Mapping[str, str], ticked: Collection[str], presets: Collection[str], custom: str, scopes: Collection[str]
) -> TokenForm:
    """`ticked`: the scopes of the form's boxes, which count for `custom` alone. Raises WrongForm."""
    problems: dict[str, str] = {}
    role = fields.get("role", "")
    wanted = tuple(ticked) if role == custom else ()
    if role != custom and role not in presets:
        problems["role"] = "Choose what the token is for."
    if role == custom and (not wanted or not set(wanted) <= set(scopes)):
        problems["scopes"] = "Choose one scope or more."
    label, days = None, _whole("days", fields, MOST_DAYS_OF_TOKEN, problems)
    try:
        label = read_label(fields.get("label", ""))
    except ValueError as error:
        problems["label"] = f"{error}"
    if problems:
        raise WrongForm(problems)
    return TokenForm(role, wanted, label, days)


def read_label(text: str) -> str | None:
    """What a token is for, without e-mail addresses; None for nothing. Raises ValueError, in plain words."""
    label = mask_emails(text.strip())
    if len(label) > MOST_NAME or not label.isprintable():
        raise ValueError(f"Write a label of at most {MOST_NAME} characters that can be printed.")
    return label or None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_clean = len(url) <= MOST_CHARACTERS and url.isprintable() and " " not in url
    return is_clean and parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is None


def _whole(name: str, fields: Mapping[str, str], most: int, problems: dict[str, str]) -> int | None:
    value = fields.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 12 and 1 <= int(value) <= most):
        problems[name] = f"Write a whole number from 1 to {most:,}."
        return None
    return int(value)

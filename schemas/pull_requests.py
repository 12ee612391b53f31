"""What is asked of a pull: the bodies and queries of its doors, checked as a whole, with words for whoever sent them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.strict_json import NotJson, loads

START_FIELDS = ("jobType", "syncMode", "days", "staleAfterMins", "fullScan")
SCHEDULE_FIELDS = ("syncMode", "staleAfterMins", "cron", "everySeconds")
JOB_TYPES = ("orders", "products", "customers")
SYNC_MODES = ("populate", "update")
MOST_DAYS = 36_500
MOST_MINUTES = 5_256_000  # ten years
MOST_RECORDS = 10_000_000


class WrongRequest(ValueError):
    """The request can't be followed. `code` is one of the API's codes; the message is safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def wrong(message: str) -> WrongRequest:
    return WrongRequest("VALIDATION_ERROR", message)


@dataclass(frozen=True, slots=True)
class ShopifyStart:
    """`mode` is `upsert` where `syncMode` is absent: everything is read and applied."""

    job_type: str
    mode: str
    days: int | None
    stale_after_mins: int | None
    full_scan: bool


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises WrongRequest."""
    try:
        document = loads(body)
    except NotJson as error:
        raise WrongRequest("INVALID_JSON", f"{error}") from None
    if not isinstance(document, dict):
        raise wrong("send a JSON object")
    return document


def read_shopify_start(body: bytes) -> ShopifyStart:
    """The body of a start (specification 4). Raises WrongRequest for fields that do not fit the mode."""
    document = _known(read_object(body), START_FIELDS)
    mode = _choice(document, "syncMode", SYNC_MODES, "upsert")
    days = _whole(document, "days", MOST_DAYS)
    stale = _whole(document, "staleAfterMins", MOST_MINUTES)
    full_scan = document.get("fullScan") or False
    if mode == "update" and stale is None:
        raise wrong("staleAfterMins is required for syncMode update")
    if mode != "update" and stale is not None:
        raise wrong("staleAfterMins goes with syncMode update alone")
    if mode == "update" and days is not None:
        raise wrong("days has no meaning for syncMode update: staleAfterMins says how far back")
    if not isinstance(document.get("fullScan"), bool | None):
        raise wrong("fullScan must be true or false")
    if full_scan and mode != "populate":
        raise wrong("fullScan goes with syncMode populate alone")
    return ShopifyStart(_choice(document, "jobType", JOB_TYPES, None), mode, days, stale, full_scan)


def _known(document: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The document, if it has no other names: a misspelt mode must not become another one."""
    for name in document.keys() - set(names):
        raise wrong(f"{name[:50]} is not known: the fields are " + ", ".join(names))
    return document


def _choice(document: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None) -> str:
    value = document.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in allowed:
        raise wrong(f"{name} must be one of " + ", ".join(allowed))
    return value


def _whole(document: Mapping[str, Any], name: str, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise wrong(f"{name} must be a whole number from 1 to {most}")
    return value


@dataclass(frozen=True, slots=True)
class TiktokStart:
    """Specification 5's own names."""

    force_full: bool
    max_records: int | None


def read_tiktok_start(query: Mapping[str, str]) -> TiktokStart:
    """The query of a start (specification 5). Raises WrongRequest."""
    return TiktokStart(_flag(query, "force_full"), _number(query, "max_records", MOST_RECORDS))


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise wrong(f"{name} must be true or false")
    return value in ("true", "1")


def _number(query: Mapping[str, str], name: str, most: int) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 12 and 1 <= int(value) <= most):
        raise wrong(f"{name} must be a whole number from 1 to {most}")
    return int(value)


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """A schedule as it was sent; whether its timing can be followed is judged elsewhere."""

    mode: str
    stale_after_mins: int | None
    cron: str | None
    every_seconds: int | None


SCHEDULED_MODES = ("incremental", "update", "populate", "full")
MOST_SECONDS = 31_622_400  # a year


def read_schedule(body: bytes) -> ScheduleRequest:
    """The body of a schedule. Raises WrongRequest."""
    document = _known(read_object(body), SCHEDULE_FIELDS)
    mode = _choice(document, "syncMode", SCHEDULED_MODES, "incremental")
    stale = _whole(document, "staleAfterMins", MOST_MINUTES)
    cron = document.get("cron")
    if (mode == "update") != (stale is not None):
        raise wrong("staleAfterMins goes with syncMode update, which needs it")
    if cron is not None and not isinstance(cron, str):
        raise wrong("cron must be text")
    return ScheduleRequest(mode, stale, cron, _whole(document, "everySeconds", MOST_SECONDS))


def read_entity(document: Mapping[str, Any]) -> str:
    """Which entity is meant: `entity` of a query or a body. Raises WrongRequest."""
    return _choice(document, "entity", JOB_TYPES, None)


def read_external_id(query: Mapping[str, str]) -> int:
    """`id`, a platform's number. Raises WrongRequest."""
    value = query.get("id", "").strip()
    if not (value.isascii() and value.isdecimal() and len(value) <= 19 and 0 < int(value) < 2**63):
        raise wrong("id must be the platform's number of the record")
    return int(value)

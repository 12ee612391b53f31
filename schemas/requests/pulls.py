"""The bodies and queries of requests that concern pulls; whether an option goes with a mode is checked here, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from schemas.platforms.descriptor import Platform
from schemas.platforms.registry import PLATFORMS
from schemas.requests.fields import (
    Choice,
    ClosedSchema,
    QueryTruth,
    QueryWhole,
    RequestSchema,
    Truth,
    Whole,
    Words,
    read_object,
    read_request,
)
from schemas.requests.fields import WrongRequest as WrongRequest  # what the readers below raise
from schemas.requests.modes import SCHEDULED_MODES, misfit, option_rules

JOB_TYPES = ("orders", "products", "customers", "variations")
PULLED = tuple(dict.fromkeys(entity for platform in PLATFORMS.values() for entity in platform.pulled))
SYNC_MODES = ("populate", "update")
EVERYTHING = "upsert"  # the mode of a start that names none
START_OPTIONS = ("staleAfterMins", "days", "fullScan")
PULL_OPTIONS = (*START_OPTIONS, "maxRecords")
MOST_DAYS = 36_500
MOST_MINUTES = 5_256_000  # ten years
MOST_SECONDS = 31_622_400  # a year
MOST_RECORDS = 10_000_000
BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ShopifyStart:
    """`mode` is `upsert` where `syncMode` is absent: everything is read and applied."""

    job_type: str
    mode: str
    days: int | None
    stale_after_mins: int | None
    full_scan: bool


class ShopifyStartSchema(ClosedSchema):
    """The body of a start (specification 4)."""

    rules: ClassVar[dict[str, Any]] = {
        "allOf": option_rules((*SYNC_MODES, EVERYTHING), START_OPTIONS, default=EVERYTHING)
    }

    syncMode = Choice(SYNC_MODES, load_default=None, allow_none=True)
    days = Whole(1, MOST_DAYS, load_default=None, allow_none=True)
    staleAfterMins = Whole(1, MOST_MINUTES, load_default=None, allow_none=True)
    fullScan = Truth(load_default=None, allow_none=True)
    jobType = Choice(JOB_TYPES, required=True)

    @validates_schema
    def fit_the_mode(self, data: dict[str, Any], **_kwargs: Any) -> None:
        refuse_misfit(data["syncMode"] or EVERYTHING, {name: data[name] for name in START_OPTIONS})


class PullStartSchema(ClosedSchema):
    """The body of a start on the route that all platforms have."""

    days = Whole(1, MOST_DAYS, load_default=None, allow_none=True)
    staleAfterMins = Whole(1, MOST_MINUTES, load_default=None, allow_none=True)
    fullScan = Truth(load_default=None, allow_none=True)
    maxRecords = Whole(1, MOST_RECORDS, load_default=None, allow_none=True)

    @validates_schema
    def fit_the_mode(self, data: dict[str, Any], **_kwargs: Any) -> None:
        refuse_misfit(data["mode"], {name: data[name] for name in PULL_OPTIONS}, "mode")


def pull_start_schema(platform: Platform) -> type[PullStartSchema]:
    """The body of a start for one platform: its entities in its modes."""
    fields = {
        "entity": Choice(platform.pulled, required=True),
        "mode": Choice(platform.modes, required=True),
        "rules": {"allOf": option_rules(platform.modes, PULL_OPTIONS, field="mode")},
    }
    return type(f"{platform.name.capitalize()}PullStartSchema", (PullStartSchema,), fields)


class TiktokFullQuery(RequestSchema):
    """The query of a full run (specification 5)."""

    max_records = QueryWhole(1, MOST_RECORDS, load_default=None)


class TiktokQuery(TiktokFullQuery):
    """The query of a run."""

    force_full = QueryTruth(load_default=False)


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """A schedule as it was sent; whether its timing can be followed is judged elsewhere."""

    mode: str
    stale_after_mins: int | None
    cron: str | None
    every_seconds: int | None


def _cron_field(value: str) -> str:
    part = rf"(\*|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"{part}(,{part}){{0,4}}"


CRON = " ".join(
    _cron_field(value)
    for value in (
        "[0-5]?[0-9]",
        "(1?[0-9]|2[0-3])",
        "([1-9]|[12][0-9]|3[01])",
        "([1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        "([0-7]|sun|mon|tue|wed|thu|fri|sat)",
    )
)


class ScheduleSchema(ClosedSchema):
    """The body of a schedule: either a cron expression or a number of seconds."""

    rules: ClassVar[dict[str, Any]] = {
        "allOf": option_rules(SCHEDULED_MODES, ("staleAfterMins",), default="incremental"),
        "oneOf": [
            {"required": ["cron"], "properties": {"cron": {"type": "string"}, "everySeconds": {"type": "null"}}},
            {
                "required": ["everySeconds"],
                "properties": {"everySeconds": {"type": "integer", "minimum": 30}, "cron": {"type": "null"}},
            },
        ],
    }

    syncMode = Choice(SCHEDULED_MODES, load_default="incremental", allow_none=True)
    staleAfterMins = Whole(1, MOST_MINUTES, load_default=None, allow_none=True)
    cron = Words(pattern=f"^{CRON}$", load_default=None, allow_none=True)
    everySeconds = Whole(1, MOST_SECONDS, load_default=None, allow_none=True)

    @validates_schema
    def fit_the_mode(self, data: dict[str, Any], **_kwargs: Any) -> None:
        refuse_misfit(data["syncMode"] or "incremental", {"staleAfterMins": data["staleAfterMins"]})


def refuse_misfit(mode: str, options: dict[str, Any], field: str = "syncMode") -> None:
    words = misfit(mode, options, field)
    if words is not None:
        raise ValidationError(words)


class EntitySchema(RequestSchema):
    """Which entity is meant: of a query or a body."""

    entity = Choice(PULLED, required=True)


class NumberQuery(RequestSchema):
    """The platform's number of a record."""

    id = QueryWhole(1, BIGINT_MAX, required=True)


class RecordQuery(EntitySchema, NumberQuery):
    """Which record is meant."""


_SHOPIFY_START, _SCHEDULE, _ENTITY, _NUMBER = ShopifyStartSchema(), ScheduleSchema(), EntitySchema(), NumberQuery()


def read_shopify_start(body: bytes) -> ShopifyStart:
    asked = read_request(_SHOPIFY_START, read_object(body))
    mode = asked["syncMode"] or EVERYTHING
    return ShopifyStart(asked["jobType"], mode, asked["days"], asked["staleAfterMins"], bool(asked["fullScan"]))


def read_schedule(body: bytes) -> ScheduleRequest:
    asked = read_request(_SCHEDULE, read_object(body))
    mode = asked["syncMode"] or "incremental"
    return ScheduleRequest(mode, asked["staleAfterMins"], asked["cron"], asked["everySeconds"])


def read_entity(document: Mapping[str, Any]) -> str:
    return str(read_request(_ENTITY, document)["entity"])


def read_external_id(query: Mapping[str, str]) -> int:
    return int(read_request(_NUMBER, query)["id"])

"""A platform's answer, and what in it means the same on every platform: status, waiting times, dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from schemas.base.strict_json import NotJson, loads
from workers.platforms.common.failures import failing, rate_limited, redirected
from workers.platforms.common.interface import PlatformError

LONGEST_WAIT_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` is the JSON of the body, None if the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any

    @property
    def server_time(self) -> datetime | None:
        return http_date(self.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def retry_after(answer: Answer, now: float) -> float | None:
    """Seconds that the platform asks to wait, a day at most; a number (with decimals at Shopify) or a date.

    `now` is unix time.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return min(float(text), LONGEST_WAIT_SECONDS)
    moment = http_date(text)
    return min(max(0.0, moment.timestamp() - now), LONGEST_WAIT_SECONDS) if moment else None


def failure_by_status(answer: Answer, now: float) -> PlatformError | None:
    """The failure that a status means on every platform; None for success and for refusals, which differ by platform."""
    if 300 <= answer.status < 400:
        return redirected()
    if answer.status == 429:
        return rate_limited(retry_after(answer, now))
    if answer.status >= 500 or answer.status in (408, 425):
        return failing(retry_after(answer, now))
    return None


def read_document(body: bytes) -> Any:
    """The JSON of a body, or None."""
    try:
        return loads(body)
    except NotJson:
        return None


def request_id(answer: Answer) -> str | None:
    found = answer.headers.get("x-request-id")
    if found is None and isinstance(answer.document, dict):
        found = answer.document.get("request_id")
    return str(found)[:64] if found else None

"""Calls one host of a platform: bounded in time and size, paced, and tried again where that may help."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.logs import get_logger
from schemas.strict_json import NotJson, loads
from workers.platforms.address import ShopAddress, guarded_client
from workers.platforms.base import PlatformError
from workers.platforms.failures import (
    bad_certificate,
    failing,
    rate_limited,
    redirected,
    too_large,
    unreachable,
    unreadable,
)
from workers.platforms.pacing import Pacer

log = get_logger(__name__)

TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=5.0)
CALL_BUDGET_SECONDS = 60.0
MOST_BODY_BYTES = 64 * 1024 * 1024
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 16.0
JITTER = 0.5
USER_AGENT = "sluice"


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, handed in so that tests need not wait. `unix` is in seconds since 1970."""

    unix: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Request:
    """One call. The URL may hold secrets: it is never logged."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `document` is the JSON body, None where the body is none."""

    status: int
    headers: Mapping[str, str]
    document: Any

    @property
    def server_time(self) -> datetime | None:
        """The platform's clock, by the Date header."""
        return http_date(self.headers.get("date", ""))


Judge = Callable[[Answer], PlatformError | None]


def http_date(text: str) -> datetime | None:
    """A moment as HTTP writes it, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def retry_after(answer: Answer, now: float) -> float | None:
    """Seconds that the platform asks to wait: a number, with decimals at Shopify, or a date. `now` is unix time."""
    text = answer.headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text)
    moment = http_date(text)
    return max(0.0, moment.timestamp() - now) if moment else None


def judge_by_status(answer: Answer, now: float) -> PlatformError | None:
    """What any platform's status means where nothing else decides: None for success and for refusals, which are its own."""
    if answer.status == 429:
        return rate_limited(retry_after(answer, now))
    if answer.status >= 500 or answer.status in (408, 425):
        return failing(retry_after(answer, now))
    return None


def backoff(attempt: int, chance: float) -> float:
    """Seconds after the attempt-th failure (from 0): 0.5, 1, 2 … 16, up to half of it less."""
    longest: float = min(FIRST_DELAY_SECONDS * 2**attempt, LONGEST_DELAY_SECONDS)
    return longest * (1 - JITTER * chance)


class PlatformHttp:
    """One host. Calls are made one at a time, from whichever thread."""

    def __init__(
        self, address: ShopAddress, pacer: Pacer, judge: Judge, clock: Clock, budget: float = CALL_BUDGET_SECONDS
    ) -> None:
        self.base = address.base
        self._client = guarded_client(address, TIMEOUT)
        self._pacer = pacer
        self._judge = judge
        self._clock = clock
        self._budget = budget

    def close(self) -> None:
        self._client.close()

    def deadline(self) -> float:
        """The monotonic time by which a call that begins now has ended, one way or the other."""
        return self._clock.monotonic() + self._budget

    def call(self, make: Callable[[], Request], deadline: float) -> Answer:
        """The first good answer. `make` is called for each attempt, so that signatures are fresh.

        Raises PlatformError: at once where trying again can't help, else the last one when the next attempt would not fit.
        """
        attempt = 0
        while True:
            self._pause(self._pacer.delay(), deadline, rate_limited())
            outcome = self._attempt(make(), deadline)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.retryable:
                raise outcome
            wait = max(backoff(attempt, self._clock.random()), outcome.retry_after or 0.0)
            self._pause(wait, deadline, outcome)
            attempt += 1
            log.info("platform_call_repeated", code=outcome.code, attempt=attempt, waited=round(wait, 2))

    def _pause(self, seconds: float, deadline: float, otherwise: PlatformError) -> None:
        """Wait, or give up at once where the wait would outlast the call."""
        if seconds <= 0:
            return
        if self._clock.monotonic() + seconds >= deadline:
            raise PlatformError(otherwise.code, otherwise.message, retryable=True, retry_after=seconds)
        self._clock.sleep(seconds)

    def _attempt(self, request: Request, deadline: float) -> Answer | PlatformError:
        try:
            answer = self._exchange(request, deadline)
        except (httpx.RequestError, TimeoutError) as error:
            return bad_certificate() if is_about_certificate(error) else unreachable()
        except PlatformError as error:
            return error
        self._pacer.heard(answer.headers)
        failure = self._verdict(answer)
        if failure is None:
            return answer
        if failure.code == rate_limited().code:
            self._pacer.throttled()
        log.info("platform_refused", status=answer.status, code=failure.code, platform_request=_request_id(answer))
        return failure

    def _verdict(self, answer: Answer) -> PlatformError | None:
        if 300 <= answer.status < 400:
            return redirected()
        failure = self._judge(answer)
        return unreadable() if failure is None and not isinstance(answer.document, dict) else failure

    def _exchange(self, request: Request, deadline: float) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **request.headers}
        with self._client.stream(request.method, request.url, headers=headers, content=request.content) as response:
            body = read_body(response, deadline, self._clock)
            return Answer(response.status_code, response.headers, _document(body))


def read_body(response: httpx.Response, deadline: float, clock: Clock) -> bytes:
    """The whole body. The read timeout is per piece: what drips in slowly is stopped by the deadline, with TimeoutError."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise too_large()
        if clock.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)


def _document(body: bytes) -> Any:
    try:
        return loads(body)
    except NotJson:
        return None


def is_about_certificate(error: BaseException | None) -> bool:
    """Whether a failed connection failed on the certificate; httpx keeps the reason as the cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _request_id(answer: Answer) -> str | None:
    """What the platform's support asks for."""
    told = answer.headers.get("x-request-id")
    if told is None and isinstance(answer.document, dict):
        told = answer.document.get("request_id")
    return str(told)[:64] if told else None

"""Calls one host of a platform: bounded in time and size, paced, and tried again where that may help."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from app.settings.logs import get_logger
from workers.platforms.common.address import ShopAddress, guarded_client
from workers.platforms.common.answers import Answer, read_document, request_id
from workers.platforms.common.failures import (
    bad_certificate,
    rate_limited,
    redirected,
    too_large,
    unreachable,
    unreadable,
)
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.pacing import Pacer

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


def shortened(timeout: httpx.Timeout, left: float) -> httpx.Timeout:
    """The time limits of one attempt, none of them longer than what is left of the call, or a second."""
    parts = {name: min(value, max(1.0, left)) for name, value in timeout.as_dict().items() if value is not None}
    return httpx.Timeout(**parts)


Judge = Callable[[Answer], PlatformError | None]


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
        log.info("platform_refused", status=answer.status, code=failure.code, platform_request=request_id(answer))
        return failure

    def _verdict(self, answer: Answer) -> PlatformError | None:
        if 300 <= answer.status < 400:
            return redirected()
        failure = self._judge(answer)
        return unreadable() if failure is None and not isinstance(answer.document, dict) else failure

    def _exchange(self, request: Request, deadline: float) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **request.headers}
        limits = shortened(TIMEOUT, deadline - self._clock.monotonic())
        with self._client.stream(
            request.method, request.url, headers=headers, content=request.content, timeout=limits
        ) as response:
            body = read_body(response, deadline, self._clock)
            return Answer(response.status_code, response.headers, read_document(body))


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


def is_about_certificate(error: BaseException | None) -> bool:
    """Whether a failed connection failed on the certificate; httpx keeps the reason as the cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False

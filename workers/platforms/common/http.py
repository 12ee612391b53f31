"""The HTTP client of every platform: calls one host, bounded in time and size, paced, repeated as the policy allows."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.settings.logs import get_logger
from workers.platforms.common.address import ShopAddress, guarded_client
from workers.platforms.common.answer_body import read_body
from workers.platforms.common.answers import Answer, read_document, request_id
from workers.platforms.common.failures import bad_certificate, rate_limited, unreachable, unreadable
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.pacing import Pacer

log = get_logger(__name__)

TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=5.0)
CALL_BUDGET_SECONDS = 60.0
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 16.0
JITTER = 0.5
USER_AGENT = "sluice"

FailureOf = Callable[[Answer], PlatformError | None]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, passed in so that tests need not wait. `unix` is in seconds since 1970."""

    unix: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Request:
    """One call. The URL may hold secrets: never log it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


def connection_failure(error: httpx.RequestError | TimeoutError) -> PlatformError:
    return bad_certificate() if is_about_certificate(error) else unreachable()


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How calls of a platform are bounded, repeated and read.

    `repeats` False: a call is sent once, because the platform may have done a write whose answer was lost. `timeout` limits
    each step of an attempt, `budget_seconds` the call with its repetitions. `documents` are the JSON types of a good answer.
    """

    repeats: bool = True
    timeout: httpx.Timeout = field(default_factory=lambda: TIMEOUT)  # dataclasses take it for mutable
    budget_seconds: float = CALL_BUDGET_SECONDS
    documents: tuple[type, ...] = (dict,)
    read_document: Callable[[bytes], Any] = read_document
    connection_failure: Callable[[httpx.RequestError | TimeoutError], PlatformError] = connection_failure


READS = CallPolicy()


class PlatformHttp:
    """One host. One thread calls at a time, unless the pacer is `Unpaced`.

    Tests pass a `client` that trusts their certificate; it has no guard against private addresses.
    """

    def __init__(
        self,
        address: ShopAddress,
        pacer: Pacer,
        failure_of: FailureOf,
        clock: Clock,
        policy: CallPolicy = READS,
        client: httpx.Client | None = None,
    ) -> None:
        self.base = address.base
        self._client = client or guarded_client(address, policy.timeout)
        self._pacer = pacer
        self._failure_of = failure_of
        self._clock = clock
        self._policy = policy

    def close(self) -> None:
        self._client.close()

    def deadline(self) -> float:
        """The monotonic time by which a call that starts now ends, whatever happens."""
        return self._clock.monotonic() + self._policy.budget_seconds

    def call(self, make: Callable[[], Request], deadline: float) -> Answer:
        """The first good answer. Calls `make` for each attempt, so that each has a fresh signature.

        Raises PlatformError: a permanent one at once, a retryable one when the policy or the time allows no further attempt.
        """
        attempt = 0
        while True:
            self._pause(self._pacer.delay(), deadline, rate_limited())
            outcome = self._attempt(make(), deadline)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.retryable or not self._policy.repeats:
                raise outcome
            wait = max(backoff(attempt, self._clock.random()), outcome.retry_after or 0.0)
            self._pause(wait, deadline, outcome)
            attempt += 1
            log.info("platform_call_repeated", code=outcome.code, attempt=attempt, waited=round(wait, 2))

    def _pause(self, seconds: float, deadline: float, failure: PlatformError) -> None:
        if seconds <= 0:
            return
        if self._clock.monotonic() + seconds >= deadline:
            raise PlatformError(failure.code, failure.message, retryable=True, retry_after=seconds)
        self._clock.sleep(seconds)

    def _attempt(self, request: Request, deadline: float) -> Answer | PlatformError:
        try:
            answer = self._exchange(request, deadline)
        except (httpx.RequestError, TimeoutError) as error:
            return self._policy.connection_failure(error)
        except PlatformError as error:
            return error
        self._pacer.observe(answer.headers)
        failure = self._failure_of(answer)
        if failure is None and isinstance(answer.document, self._policy.documents):
            return answer
        failure = failure or unreadable()
        if failure.code == rate_limited().code:
            self._pacer.slow_down()
        log.info("platform_refused", status=answer.status, code=failure.code, platform_request=request_id(answer))
        return failure

    def _exchange(self, request: Request, deadline: float) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **request.headers}
        limits = shortened(self._policy.timeout, deadline - self._clock.monotonic())
        with self._client.stream(
            request.method, request.url, headers=headers, content=request.content, timeout=limits
        ) as response:
            body = read_body(response, deadline, self._clock.monotonic)
            return Answer(response.status_code, response.headers, self._policy.read_document(body))


def shortened(timeout: httpx.Timeout, left: float) -> httpx.Timeout:
    """The time limits of one attempt: none longer than the seconds left of the call, but at least a second."""
    limits = {name: min(value, max(1.0, left)) for name, value in timeout.as_dict().items() if value is not None}
    return httpx.Timeout(**limits)


def backoff(attempt: int, chance: float) -> float:
    """Seconds to wait after a failure, counted from 0: 0.5, 1, 2 … 16, shortened by up to a half."""
    longest: float = min(FIRST_DELAY_SECONDS * 2**attempt, LONGEST_DELAY_SECONDS)
    return longest * (1 - JITTER * chance)


def is_about_certificate(error: BaseException | None) -> bool:
    """Whether the certificate caused a failed connection. httpx keeps the reason as the cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False

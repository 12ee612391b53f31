"""TikTok Shop's error codes and their verdicts. The code in the body decides, as failures may come with status 200."""

from __future__ import annotations

from collections.abc import Callable

from workers.platforms.common.answers import Answer, failure_by_status, retry_after
from workers.platforms.common.failures import (
    bad_request,
    failing,
    rate_limited,
    revoked,
    scope_missing,
    unknown_shop,
    unreadable,
)
from workers.platforms.common.interface import PlatformError

TOO_MANY_RESULTS = "PLATFORM_TOO_MANY_RESULTS"
TOKEN_EXPIRED = "PLATFORM_TOKEN_EXPIRED"  # noqa: S105 - a code, not a token


def token_expired() -> PlatformError:
    """Never shown to tenants: the client renews the token and repeats the call."""
    return PlatformError(TOKEN_EXPIRED, revoked().message, retryable=False)


def signature_refused() -> PlatformError:
    message = "The platform refused our signature. The app secret is wrong: set the shop's credentials again."
    return PlatformError("PLATFORM_SIGNATURE_REFUSED", message, retryable=False)


def clock_refused() -> PlatformError:
    message = "The platform says that our clock is wrong. The operator of this service must correct it."
    return PlatformError("PLATFORM_CLOCK_REFUSED", message, retryable=False)


def address_not_allowed() -> PlatformError:
    message = "The app accepts calls from listed addresses only, and ours is not on its list. Add it in Partner Center."
    return PlatformError("PLATFORM_IP_NOT_ALLOWED", message, retryable=False)


def too_many_results() -> PlatformError:
    message = "The platform lists at most 10,000 products, and more than that were created in one second."
    return PlatformError(TOO_MANY_RESULTS, message, retryable=False)


OVERLOADED = 36009004  # one code for missing signatures, bad tokens, wrong clocks and missing parameters
TOO_MANY_REQUESTS = 36009002

VERDICTS: dict[int, Callable[[], PlatformError]] = {
    105002: token_expired,
    106001: signature_refused,
    105005: scope_missing,
    101000: unknown_shop,
    106013: unknown_shop,
    36009003: failing,
    36009007: failing,
    36009009: bad_request,
    36009010: bad_request,
    36009014: bad_request,
    36009022: bad_request,
    36009023: bad_request,
    36009033: address_not_allowed,
    36004001: revoked,
    36004004: revoked,
    36004005: revoked,
    10002014: failing,
    10002015: failing,
    10037002: failing,
    10037003: failing,
    10037004: failing,
    12052180: too_many_results,
    12019118: bad_request,
    12019119: bad_request,
}
OVERLOADED_MESSAGES: tuple[tuple[str, Callable[[], PlatformError]], ...] = (
    ("timestamp", clock_refused),
    ("x-tts-access-token", token_expired),
    ("access_token", token_expired),
    ("signature", signature_refused),
    ("app_key", signature_refused),
)


def failure_of(answer: Answer, now: float) -> PlatformError | None:
    """The failure that an answer means, by its code; by its HTTP status if it has no code."""
    code = answer.document.get("code") if isinstance(answer.document, dict) else None
    if type(code) is not int:
        return failure_by_status(answer, now) or unreadable()
    if code == 0:
        return None
    if code == TOO_MANY_REQUESTS:
        return rate_limited(retry_after(answer, now))
    if code == OVERLOADED:
        return overloaded_failure(str(answer.document.get("message", "")))
    verdict = VERDICTS.get(code)
    return verdict() if verdict else failure_by_status(answer, now) or bad_request()


def overloaded_failure(message: str) -> PlatformError:
    """The meaning of 36009004, by the parameter that its message names; else the call was malformed."""
    plain = message.lower()
    return next((verdict() for word, verdict in OVERLOADED_MESSAGES if word in plain), bad_request())

"""What each refusal of a platform means: its code, and whether a retry may help."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tests.fakes.common.clock import FakeClock
from tests.support.paths import FIXTURES
from workers.platforms.common import failures
from workers.platforms.common.answers import Answer
from workers.platforms.common.interface import CallLimits, PlatformError, ShopAccess
from workers.platforms.common.token_store import TokenStore, tokens_of
from workers.platforms.registry import open_shop
from workers.platforms.shopify import client as shopify
from workers.platforms.tiktok import errors as tiktok_errors

TIKTOK = json.loads((FIXTURES / "tiktok" / "errors.json").read_bytes())
SHOPIFY = json.loads((FIXTURES / "shopify" / "errors.json").read_bytes())

TIKTOK_VERDICTS = {
    "expired_token": ("PLATFORM_TOKEN_EXPIRED", False),
    "bad_sign": ("PLATFORM_SIGNATURE_REFUSED", False),
    "missing_sign": ("PLATFORM_SIGNATURE_REFUSED", False),
    "invalid_token": ("PLATFORM_TOKEN_EXPIRED", False),
    "stale_timestamp": ("PLATFORM_CLOCK_REFUSED", False),
    "future_timestamp": ("PLATFORM_CLOCK_REFUSED", False),
    "unexpected_shop_cipher": ("PLATFORM_REFUSED_CALL", False),
    "missing_body_param": ("PLATFORM_REFUSED_CALL", False),
    "missing_shop_cipher": ("SHOP_UNKNOWN", False),
    "cipher_token_mismatch": ("SHOP_UNKNOWN", False),
    "scope_denied": ("SHOP_SCOPE_MISSING", False),
    "ip_not_allowed": ("PLATFORM_IP_NOT_ALLOWED", False),
    "too_many_requests": ("PLATFORM_RATE_LIMITED", True),
    "internal": ("PLATFORM_FAILING", True),
    "timeout": ("PLATFORM_FAILING", True),
    "bad_auth_code": ("SHOP_ACCESS_REVOKED", False),
    "refresh_expired": ("SHOP_ACCESS_REVOKED", False),
    "auth_record_missing": ("SHOP_ACCESS_REVOKED", False),
}
SHOPIFY_VERDICTS = {
    "rate_limited": ("PLATFORM_RATE_LIMITED", True),
    "page_info_with_filter": ("PLATFORM_REFUSED_CALL", False),
    "bad_token": ("SHOP_ACCESS_REVOKED", False),
    "missing_scope": ("SHOP_SCOPE_MISSING", False),
    "not_found": ("SHOP_UNKNOWN", False),
    "unprocessable": ("PLATFORM_REFUSED_CALL", False),
}


def verdict(error: PlatformError | None) -> tuple[str, bool] | None:
    return (error.code, error.retryable) if error else None


def test_every_documented_refusal_has_a_verdict() -> None:
    assert TIKTOK_VERDICTS.keys() == {name for name in TIKTOK if not name.startswith("_")}
    assert SHOPIFY_VERDICTS.keys() == SHOPIFY.keys()


@pytest.mark.parametrize("status", [200, 401, None])
@pytest.mark.parametrize("name", TIKTOK_VERDICTS)
def test_tiktok_failure_depends_on_the_code_only(name: str, status: int | None) -> None:
    answer = Answer(status or TIKTOK[name]["http_status"] or 200, {}, TIKTOK[name]["body"])
    assert verdict(tiktok_errors.failure_of(answer, 0.0)) == TIKTOK_VERDICTS[name]


@pytest.mark.parametrize("name", SHOPIFY_VERDICTS)
def test_shopify_failure_depends_on_the_status(name: str) -> None:
    case = SHOPIFY[name]
    headers = {key.lower(): value for key, value in case.get("headers", {}).items()}
    assert (
        verdict(shopify.failure_of(Answer(case["http_status"], headers, case["body"]), 0.0)) == SHOPIFY_VERDICTS[name]
    )


def test_shopify_rate_limit_has_the_time_to_wait() -> None:
    error = shopify.failure_of(Answer(429, {"retry-after": "2.0"}, {}), 0.0)
    assert error is not None and error.retry_after == 2.0


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (200, {"code": 0}, None),
        (200, {"code": "0"}, ("PLATFORM_ANSWER_UNREADABLE", True)),
        (200, None, ("PLATFORM_ANSWER_UNREADABLE", True)),
        (502, None, ("PLATFORM_FAILING", True)),
        (429, None, ("PLATFORM_RATE_LIMITED", True)),
        (200, {"code": 99999999}, ("PLATFORM_REFUSED_CALL", False)),
        (503, {"code": 99999999}, ("PLATFORM_FAILING", True)),
        (200, {"code": 12052180}, ("PLATFORM_TOO_MANY_RESULTS", False)),
        (200, {"code": 36009004}, ("PLATFORM_REFUSED_CALL", False)),
    ],
)
def test_tiktok_answers_without_a_known_code(status: int, document: Any, expected: tuple[str, bool] | None) -> None:
    assert verdict(tiktok_errors.failure_of(Answer(status, {}, document), 0.0)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (201, ("PLATFORM_REFUSED_CALL", False)),
        (402, ("SHOP_LOCKED", False)),
        (423, ("SHOP_LOCKED", False)),
        (408, ("PLATFORM_FAILING", True)),
        (504, ("PLATFORM_FAILING", True)),
    ],
)
def test_shopify_statuses_without_an_entry(status: int, expected: tuple[str, bool] | None) -> None:
    assert verdict(shopify.failure_of(Answer(status, {}, {}), 0.0)) == expected


MADE = [
    function
    for module in (failures, tiktok_errors)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and name not in ("failure_of", "overloaded_failure")
]


@pytest.mark.parametrize("make", MADE, ids=lambda make: str(make.__name__))
def test_every_failure_has_a_code_and_a_sentence(make: Callable[[], PlatformError]) -> None:
    error = make()
    assert error.code.isupper() and str(error) == error.code
    assert error.message.endswith(".") and len(error.message) > 30


def test_failure_codes_are_unique() -> None:
    codes = [make().code for make in MADE]
    assert len(set(codes)) == len(codes) > 15


SHOP = {"access_token": "t", "refresh_token": "r", "app_key": "k", "app_secret": "s"}


def store() -> TokenStore:
    return TokenStore(lambda: tokens_of(SHOP), lambda known, fresh: True, nullcontext)


@pytest.mark.parametrize(
    ("platform", "url", "without", "code"),
    [
        ("woocommerce", "https://x.test", "", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("woocommerce", "http://x.test", "", "SHOP_ADDRESS_REFUSED"),
        ("elsewhere", "https://x.test", "", "PLATFORM_NOT_PULLED"),
        ("shopify", None, "", "SHOP_ADDRESS_REFUSED"),
        ("shopify", "http://x.test", "", "SHOP_ADDRESS_REFUSED"),
        ("shopify", "https://x.test", "access_token", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("tiktok", None, "access_token", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("tiktok", None, "refresh_token", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("tiktok", None, "app_key", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("tiktok", None, "app_secret", "SHOP_CREDENTIALS_INCOMPLETE"),
        ("tiktok", "ftp://x.test", "", "SHOP_ADDRESS_REFUSED"),
    ],
)
def test_shop_that_cannot_be_called_fails_when_opened(platform: str, url: str | None, without: str, code: str) -> None:
    credentials = {name: value for name, value in SHOP.items() if name != without}
    with pytest.raises(PlatformError) as caught:
        open_shop(ShopAccess(platform, url, credentials), CallLimits(False, 20), store(), FakeClock().clock)
    assert (caught.value.code, caught.value.retryable) == (code, False)


@pytest.mark.parametrize(("platform", "url"), [("shopify", "https://x.myshopify.com/"), ("tiktok", None)])
def test_opening_a_shop_makes_no_call(platform: str, url: str | None) -> None:
    open_shop(ShopAccess(platform, url, SHOP), CallLimits(False, 20), store(), FakeClock().clock).close()

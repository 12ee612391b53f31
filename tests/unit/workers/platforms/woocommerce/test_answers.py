"""What each answer of a shop means: data, or an error with code, verdict and message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workers.platforms.common.answers import Answer
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.answers import NotTheApi, failure_of, read_document
from workers.platforms.woocommerce.errors import MESSAGES, RateLimitError, WooCommerceApiError

NOW = 1_795_000_000.0
WARNING = b'<br />\n<b>Warning</b>:  Undefined array key "x" in <b>/srv/a[1]/{b}.php</b> on line <b>3</b><br />\n'
PAGE = b"<!DOCTYPE html>\n<html><style>\nbody {\n color: red }\n</style><script>\n[1, 2\n</script></html>"


def answer(status: int, body: Any, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, read_document(raw))


def failure(status: int, body: Any, **headers: str) -> WooCommerceApiError:
    found = failure_of(answer(status, body, **headers), NOW)
    assert found is not None
    return found


def error_body(code: str, status: Any, message: str = "…", **data: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status, **data} if isinstance(status, int) else status}


@pytest.mark.parametrize(
    ("status", "wc_code", "code", "retryable"),
    [
        (400, "product_invalid_sku", errors.DUPLICATE_SKU, False),
        (400, "woocommerce_rest_product_not_created", errors.PRODUCT_NOT_CREATED, False),
        (400, "term_exists", errors.TERM_EXISTS, False),
        (404, "woocommerce_rest_product_invalid_id", errors.NOT_IN_SHOP, False),
        (400, "woocommerce_rest_product_invalid_id", errors.NOT_IN_SHOP, False),
        (404, "woocommerce_rest_term_invalid", errors.NOT_IN_SHOP, False),
        (400, "woocommerce_product_image_upload_error", errors.IMAGE_REFUSED, True),
        (400, "woocommerce_product_invalid_image_id", errors.IMAGE_REFUSED, False),
        (400, "product_external_invalid_manage_stock", errors.EXTERNAL_WITH_STOCK, False),
        (413, "woocommerce_rest_request_entity_too_large", errors.BATCH_TOO_LARGE, False),
        (404, "rest_no_route", errors.WOOCOMMERCE_MISSING, False),
        (401, "woocommerce_rest_cannot_view", errors.SHOP_REFUSED_KEY, False),
        (403, "rest_forbidden", errors.SHOP_REFUSED_KEY, False),
        (500, "woocommerce_rest_cannot_delete", errors.PLATFORM_FAILING, True),
        (500, "internal_server_error", errors.SHOP_CRASHED, True),
        (503, "wp_die", errors.PLATFORM_UNAVAILABLE, True),
        (500, "wp_die", errors.PLATFORM_FAILING, True),
        (400, "rest_invalid_param", errors.SHOP_REFUSED_VALUE, False),
        (400, "something_of_a_plugin", errors.SHOP_REFUSED_VALUE, False),
    ],
)
def test_each_code_of_the_shop_has_a_verdict(status: int, wc_code: str, code: str, retryable: bool) -> None:
    found = failure(status, error_body(wc_code, status))
    assert (found.code, found.retryable, found.status, found.wc_code) == (code, retryable, status, wc_code)


@pytest.mark.parametrize(
    ("text", "code", "retryable"),
    [
        ("Invalid timestamp.", errors.SHOP_CLOCK_DIFFERS, False),
        ("Invalid nonce - nonce has already been used.", errors.SHOP_REFUSED_NONCE, True),
        ("Consumer secret is invalid.", errors.SHOP_REFUSED_KEY, False),
    ],
)
def test_refusals_are_distinguished_by_their_text(text: str, code: str, retryable: bool) -> None:
    found = failure(401, error_body("woocommerce_rest_authentication_error", 401, text))
    assert (found.code, found.retryable) == (code, retryable)


def test_conflicting_object_is_named() -> None:
    assert failure(400, error_body("product_invalid_sku", 400, resource_id=11, unique_sku="A-1")).resource_id == 11


def test_refused_fields_are_named_if_they_look_like_names() -> None:
    params = {"regular_price": "regular_price is not of type string.", "<b>": "x"}
    found = failure(400, error_body("rest_invalid_param", 400, params=params))
    assert found.fields == ("regular_price",)
    assert found.message == "The shop refused a value: regular_price."


def test_bare_status_in_data_is_read() -> None:
    found = failure(500, error_body("woocommerce_rest_cannot_create_order_refund", 500))
    assert failure(500, {"code": "x", "message": "y", "data": 500}).status == found.status == 500


@pytest.mark.parametrize("value", [{"id": 7, "code": "spring10", "message": ""}, [], [{"id": 1}], {"create": []}])
def test_data_behind_a_warning_is_read(value: Any) -> None:
    found = answer(200, WARNING + json.dumps(value).encode())
    assert failure_of(found, NOW) is None
    assert found.document == value


def test_error_behind_a_warning_counts_despite_status_200() -> None:
    found = failure(200, WARNING + json.dumps(error_body("product_invalid_sku", 400, resource_id=5)).encode())
    assert (found.code, found.status, found.resource_id) == (errors.DUPLICATE_SKU, 400, 5)


@pytest.mark.parametrize("status", [200, 301, 404, 403])
def test_web_page_is_not_the_api(status: int) -> None:
    found = failure(status, PAGE)
    assert isinstance(found, NotTheApi) and found.retryable is (status != 301)


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, errors.PLATFORM_FAILING), (502, errors.PLATFORM_FAILING), (503, errors.PLATFORM_UNAVAILABLE)],
)
def test_page_of_a_failing_host_is_retryable(status: int, code: str) -> None:
    found = failure(status, PAGE, retry_after="30")
    assert (found.code, found.retryable, found.retry_after) == (code, True, 30.0)
    assert not isinstance(found, NotTheApi)


def test_rate_limit_has_the_time_to_wait() -> None:
    found = failure(429, PAGE, retry_after="7")
    assert isinstance(found, RateLimitError) and (found.retry_after, found.retryable) == (7.0, True)
    assert failure(429, b"").retry_after is None


def test_every_error_has_a_message_for_tenants() -> None:
    codes = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)}
    assert codes == set(MESSAGES)
    assert all(text.endswith(".") and "{" not in text for text in MESSAGES.values())


def test_messages_never_contain_text_of_the_shop() -> None:
    found = failure(400, error_body("rest_invalid_param", 400, "<script>jane@example.test</script>"))
    assert "jane" not in f"{found.message} {found} {found!r}"

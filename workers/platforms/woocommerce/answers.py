"""What a shop's answer means: its JSON, or the error with its verdict. Pure.

A host may print PHP warnings before the JSON. Then the status is always 200, because the headers were sent with the warning.
So the JSON is searched for behind warnings, and an error document is an error under any status.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Any

from schemas.base.strict_json import NotJson, loads
from workers.platforms.common.answers import Answer, retry_after
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, WooCommerceApiError

JSON_START = re.compile(rb"[\n>][ \t\r]*(?=[{\[])")  # a warning ends with a line or a tag
MOST_STARTS = 20  # warnings are a few lines; a web page has many braces
FIELD_NAME = re.compile(r"[a-z_][a-z0-9_.\[\]]{0,60}")

PERMANENT = {
    "product_invalid_sku": errors.DUPLICATE_SKU,
    "woocommerce_rest_product_not_created": errors.PRODUCT_NOT_CREATED,
    "term_exists": errors.TERM_EXISTS,
    "woocommerce_rest_product_invalid_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_invalid_product_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_product_variation_invalid_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_shop_order_invalid_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_term_invalid": errors.NOT_IN_SHOP,
    "woocommerce_product_invalid_image_id": errors.IMAGE_REFUSED,
    "product_external_invalid_manage_stock": errors.EXTERNAL_WITH_STOCK,
    "woocommerce_rest_request_entity_too_large": errors.BATCH_TOO_LARGE,
    "rest_no_route": errors.WOOCOMMERCE_MISSING,
}
RETRYABLE = {
    "woocommerce_product_image_upload_error": errors.IMAGE_REFUSED,  # the shop could not download it
    "internal_server_error": errors.SHOP_CRASHED,
}
RETRYABLE_STATUSES = {
    408: errors.PLATFORM_TIMED_OUT,
    503: errors.PLATFORM_UNAVAILABLE,
    504: errors.PLATFORM_TIMED_OUT,
}


class NotTheApi(WooCommerceApiError):
    """Something else than WooCommerce's API answered: a page or a redirect, of a wrong address or a firewall."""


def read_document(body: bytes) -> Any:
    """The JSON of a body, also behind a host's warnings; None if there is none."""
    behind_warnings = (match.end() for match in JSON_START.finditer(body))
    for start in islice(chain([0], behind_warnings), MOST_STARTS):
        try:
            return loads(body[start:].lstrip(b"\xef\xbb\xbf \t\r\n"))
        except NotJson:
            continue
    return None


def failure_of(answer: Answer, now: float) -> WooCommerceApiError | None:
    """The failure that an answer means; None for an object or a list with success. `now` is unix time.

    NotTheApi if neither the JSON nor the status shows that WordPress answered.
    """
    wait = retry_after(answer, now)
    if answer.status == 429:
        return RateLimitError(wait)
    failure = error_of(answer.document, answer.status)
    if failure is None and (answer.status >= 300 or not isinstance(answer.document, dict | list)):
        failure = _without_api(answer.status)
    if failure is not None:
        failure.retry_after = wait
    return failure


def error_of(document: Any, status: int) -> WooCommerceApiError | None:
    """The error that a document describes, or None. Every error has a code and a message, and none has an id."""
    if not isinstance(document, dict) or "id" in document or not {"code", "message"} <= document.keys():
        return None
    data = document.get("data")
    details = data if isinstance(data, dict) else {"status": data}  # sometimes data is the bare status
    own_status, resource = details.get("status"), details.get("resource_id")
    status = own_status if type(own_status) is int else status
    wc_code = str(document["code"])
    code, retryable = _verdict(wc_code, str(document["message"]), status)
    return WooCommerceApiError(
        code,
        status=status,
        wc_code=wc_code,
        message=_key_message(wc_code, str(document["message"]), status) if code == errors.SHOP_REFUSED_KEY else "",
        resource_id=resource if type(resource) is int else None,
        fields=_fields_named(details.get("params")),
        retryable=retryable,
    )


def _verdict(wc_code: str, text: str, status: int) -> tuple[str, bool]:
    if wc_code in PERMANENT:
        return PERMANENT[wc_code], False
    if wc_code in RETRYABLE:
        return RETRYABLE[wc_code], True
    if status in (401, 403):
        return _refusal(text)
    if status >= 500 or status in RETRYABLE_STATUSES:
        return RETRYABLE_STATUSES.get(status, errors.PLATFORM_FAILING), True
    return errors.SHOP_REFUSED_VALUE, False


def _refusal(text: str) -> tuple[str, bool]:
    # WooCommerce has one code for all of these; only the text differs.
    if "nonce" in text:
        return errors.SHOP_REFUSED_NONCE, True
    return (errors.SHOP_CLOCK_DIFFERS if "timestamp" in text else errors.SHOP_REFUSED_KEY), False


def _key_message(wc_code: str, text: str, status: int) -> str:
    # WooCommerce's own texts tell the cause; those of a missing or unknown key are the same.
    if status == 403:
        return errors.KEY_MESSAGES["forbidden"]
    if wc_code.startswith("woocommerce_rest_cannot_"):
        return errors.KEY_MESSAGES["stripped"]
    return next((message for part, message in errors.KEY_MESSAGES.items() if part in text), "")


def _fields_named(params: Any) -> tuple[str, ...]:
    # Anything else could be text of the shop, which must not get into a message.
    names = params if isinstance(params, list | dict) else ()
    return tuple(name for name in names if isinstance(name, str) and FIELD_NAME.fullmatch(name))


def _without_api(status: int) -> WooCommerceApiError:
    if status >= 500:
        code = RETRYABLE_STATUSES.get(status, errors.PLATFORM_FAILING)
        return WooCommerceApiError(code, status=status, retryable=True)
    if 300 <= status < 400:
        return NotTheApi(errors.SHOP_ADDRESS_REDIRECTS, status=status, retryable=False)
    return NotTheApi(errors.PLATFORM_ANSWER_UNREADABLE, status=status, retryable=True)


def count_of(answer: Answer, header: str) -> int | None:
    # Warnings before the JSON replace the headers.
    text = answer.headers.get(header, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

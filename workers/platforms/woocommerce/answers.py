"""What a shop's answer means: the data in it, or the error with its verdict. Pure.

A host may print PHP warnings before the JSON; then the status is 200 whatever happened, as headers were sent with the warning.
So the JSON is looked for behind the warnings, and an error document counts as an error under any status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from schemas.strict_json import NotJson, loads
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, WooCommerceApiError

JSON_START = re.compile(rb"(?:^|[\n>])[ \t\r]*(?=[{\[])")  # after a line or a tag, where a warning ends
LAST_STARTS = 20  # a web page has many a brace; warnings come in a few lines
FIELD_NAME = re.compile(r"[a-z_][a-z0-9_.\[\]]{0,60}")

PERMANENT = {
    "product_invalid_sku": errors.DUPLICATE_SKU,
    "woocommerce_rest_product_not_created": errors.SKU_IN_TRASH,
    "term_exists": errors.TERM_EXISTS,
    "woocommerce_rest_product_invalid_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_invalid_product_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_shop_order_invalid_id": errors.NOT_IN_SHOP,
    "woocommerce_rest_term_invalid": errors.NOT_IN_SHOP,
    "woocommerce_product_invalid_image_id": errors.IMAGE_REFUSED,
    "woocommerce_rest_request_entity_too_large": errors.BATCH_TOO_LARGE,
    "rest_no_route": errors.WOOCOMMERCE_MISSING,
}
RETRYABLE = {
    "woocommerce_product_image_upload_error": errors.IMAGE_REFUSED,  # the shop failed to fetch it, this time
    "internal_server_error": errors.SHOP_CRASHED,
}
RETRYABLE_STATUSES = {408: errors.SHOP_TIMED_OUT, 503: errors.SHOP_UNAVAILABLE, 504: errors.SHOP_TIMED_OUT}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: headers by lower-case name, the body inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotTheApi(WooCommerceApiError):
    """Something answered that is not WooCommerce's API: a page or a redirect, by a wrong address or a firewall."""


def data_of(answer: Answer) -> Any:
    """The JSON of a successful answer. Raises WooCommerceApiError, of it NotTheApi where no JSON is to be found."""
    if answer.status == 429:
        raise RateLimitError(retry_after(answer))
    document = _json_of(answer.body)
    if document is None:
        raise _without_json(answer)
    failure = error_of(document, answer.status)
    if failure is not None:
        failure.retry_after = retry_after(answer)
        raise failure
    if answer.status >= 300:
        raise _without_json(answer)
    return document[0]


def error_of(document: tuple[Any] | list[Any], status: int) -> WooCommerceApiError | None:
    """The error that a document (boxed, as null is one too) describes, or None for data.

    Every error has a code and a message, and none has an id.
    """
    found = document[0]
    if not isinstance(found, dict) or "id" in found or not {"code", "message"} <= found.keys():
        return None
    return classified(str(found["code"]), str(found["message"]), found.get("data"), status)


def classified(wc_code: str, text: str, data: Any, status: int) -> WooCommerceApiError:
    """An error of the shop with our code and verdict. `data` mostly is an object, sometimes the bare status."""
    details = data if isinstance(data, dict) else {"status": data}
    own_status = details.get("status")
    status = own_status if type(own_status) is int else status
    code, retryable = _verdict(wc_code, text, status)
    resource = details.get("resource_id")
    failure = WooCommerceApiError(
        code,
        status=status,
        wc_code=wc_code,
        resource_id=resource if type(resource) is int else None,
        retryable=retryable,
    )
    failure.fields = _fields_named(details.get("params"))
    return failure


def _verdict(wc_code: str, text: str, status: int) -> tuple[str, bool]:
    if wc_code in PERMANENT:
        return PERMANENT[wc_code], False
    if wc_code in RETRYABLE:
        return RETRYABLE[wc_code], True
    if status in (401, 403):
        return _refusal(text)
    if status >= 500 or status in RETRYABLE_STATUSES:
        return RETRYABLE_STATUSES.get(status, errors.SHOP_FAILED), True
    return errors.SHOP_REFUSED_VALUE, False


def _refusal(text: str) -> tuple[str, bool]:
    """Why a caller was refused; WooCommerce gives one code for all, and a text for each."""
    if "nonce" in text:
        return errors.SHOP_REFUSED_NONCE, True
    return (errors.SHOP_CLOCK_DIFFERS if "timestamp" in text else errors.SHOP_REFUSED_KEY), False


def _fields_named(params: Any) -> tuple[str, ...]:
    """The names of refused parameters, where they look like names."""
    names = params if isinstance(params, list | dict) else ()
    return tuple(name for name in names if isinstance(name, str) and FIELD_NAME.fullmatch(name))


def _json_of(body: bytes) -> tuple[Any] | None:
    """The document in a body, boxed, or None: the whole of it, or what stands behind a host's warnings."""
    try:
        return (loads(body.lstrip(b"\xef\xbb\xbf \t\r\n")),)
    except NotJson:
        starts = [match.end() for match in JSON_START.finditer(body)][:LAST_STARTS]
    for start in starts:
        try:
            return (loads(body[start:]),)
        except NotJson:
            continue
    return None


def _without_json(answer: Answer) -> WooCommerceApiError:
    """The verdict on an answer that is not the API's: by its status."""
    status = answer.status
    if status >= 500:
        code = RETRYABLE_STATUSES.get(status, errors.SHOP_FAILED)
        return WooCommerceApiError(code, status=status, retryable=True, retry_after=retry_after(answer))
    if 300 <= status < 400:
        return NotTheApi(errors.SHOP_REDIRECTS, status=status, retryable=False)
    return NotTheApi(errors.SHOP_ANSWER_UNREADABLE, status=status, retryable=True, retry_after=retry_after(answer))


def retry_after(answer: Answer) -> float | None:
    """Seconds to wait, of a Retry-After in seconds or as a date, which is measured by the answer's own clock."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    until, now = http_date(value), server_time(answer) or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def server_time(answer: Answer) -> datetime | None:
    """The shop's clock, from the Date header."""
    return http_date(answer.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    """A date as HTTP writes it, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def count_of(answer: Answer, header: str) -> int | None:
    """A whole number from a header, or None: warnings before the JSON cost the headers."""
    text = answer.headers.get(header, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

"""What may be sent to a shop, and the result of each item of a batch. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.answers import error_of
from workers.platforms.woocommerce.errors import ValidationError, WooCommerceApiError

Payload = Mapping[str, Any]
ShopObject = dict[str, Any]
BATCH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The result of one item: the product as the shop has it now, or the error. Exactly one is set."""

    product: ShopObject | None
    error: WooCommerceApiError | None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The results of a batch, each list in the order sent."""

    created: list[BatchItem]
    updated: list[BatchItem]


def unreadable() -> WooCommerceApiError:
    return WooCommerceApiError(errors.PLATFORM_ANSWER_UNREADABLE, status=200, retryable=True)


def batch_body(create: Sequence[Payload], update: Sequence[Payload]) -> dict[str, list[Payload]]:
    """The body of a batch. Raises ValidationError for what must never be sent."""
    if not 0 < len(create) + len(update) <= BATCH_LIMIT:
        raise ValidationError(f"A batch holds 1 to {BATCH_LIMIT} products.", code=errors.BATCH_TOO_LARGE)
    for payload in create:
        filled(payload)
    for payload in update:
        checked_id(payload.get("id"))
        filled({name: value for name, value in payload.items() if name != "id"})
    lists = {"create": list(create), "update": list(update)}
    return {name: payloads for name, payloads in lists.items() if payloads}


def batch_items(entries: Any, sent: int) -> list[BatchItem]:
    """The results in an answer. Raises if their number differs from `sent`, as their order would be unknown."""
    entries = [] if entries is None else entries
    if not isinstance(entries, list) or len(entries) != sent:
        raise unreadable()
    return [_item(entry) for entry in entries]


def _item(entry: Any) -> BatchItem:
    if not isinstance(entry, dict):
        raise unreadable()
    if "error" in entry:
        failure = error_of(entry["error"], 400)
        return BatchItem(None, failure or unreadable())
    if type(entry.get("id")) is not int:
        raise unreadable()
    return BatchItem(entry, None)


def filled(payload: Payload) -> Payload:
    if not payload:
        raise ValidationError("There is nothing to send.")
    return payload


def checked_id(value: Any) -> int:
    # `/products/0` and `/products/` would name a list.
    if type(value) is not int or value <= 0:
        raise ValidationError("The id of an object of a shop is a positive whole number.")
    return value

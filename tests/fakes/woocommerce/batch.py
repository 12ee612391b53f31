"""The batch routes of the fake shop: items run one after another, and a failing one affects no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.woocommerce.errors import ApiError, Crash
from tests.fakes.woocommerce.state import JsonObject

LIMIT = 100
Lists = dict[str, list[Any]]


def run(
    payload: JsonObject,
    create: Callable[[JsonObject], JsonObject],
    update: Callable[[int, JsonObject], JsonObject],
    delete: Callable[[int], JsonObject],
    named_deletes: JsonObject,
) -> Any:
    """The answer: only lists that had items; an empty list if none had."""
    if not all(isinstance(payload.get(name, []), list) for name in ("create", "update", "delete")):
        raise Crash
    lists: Lists = {name: list(payload.get(name, [])) for name in ("create", "update", "delete")}
    if sum(map(len, lists.values())) > LIMIT:
        message = f"Unable to accept more than {LIMIT} items for this request."
        raise ApiError(413, "woocommerce_rest_request_entity_too_large", message)
    answer: JsonObject = {}
    if lists["create"]:
        answer["create"] = [_item(0, create, item) for item in lists["create"]]
    if lists["update"]:
        answer["update"] = [_item(item.get("id"), update, _id(item.get("id")), item) for item in lists["update"]]
    if lists["delete"]:
        answer["delete"] = [
            _item(_named(wc_id, named_deletes), delete, _id(wc_id)) for wc_id in lists["delete"] if wc_id != 0
        ]
    return answer or []


def _item(wc_id: Any, act: Callable[..., JsonObject], *args: Any) -> JsonObject:
    try:
        return act(*args)
    except Crash:
        raise
    except ApiError as error:
        return {"id": wc_id, "error": error.body()}


def _id(value: Any) -> int:
    # PHP reads text without digits as 0.
    text = str(value)
    return int(text) if text.isdecimal() else 0


def _named(value: Any, beside: JsonObject) -> Any:
    if beside:
        return {"id": value, **beside, "force": True}
    return value | {"force": True} if isinstance(value, dict) else value

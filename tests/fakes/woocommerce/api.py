"""The API routes of the fake shop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.fakes.common.server import Call
from tests.fakes.woocommerce import batch, categories, customers, orders, product_list, products
from tests.fakes.woocommerce.auth import PhpQuery, authenticate, php_query
from tests.fakes.woocommerce.checks import check_product
from tests.fakes.woocommerce.errors import ApiError, Crash, no_route
from tests.fakes.woocommerce.lists import Rows, only_fields, paged
from tests.fakes.woocommerce.state import ApiKey, JsonObject, ShopState

WRITES = ("POST", "PUT", "PATCH")
REFUSALS = {
    "list": ("view", "Sorry, you cannot list resources."),
    "view": ("view", "Sorry, you cannot view this resource."),
    "create": ("create", "Sorry, you are not allowed to create resources."),
    "edit": ("edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("delete", "Sorry, you are not allowed to delete this resource."),
    "batch": ("batch", "Sorry, you are not allowed to batch manipulate this resource."),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One collection: how it is listed, read and written."""

    path: str
    listed: Callable[[ShopState, PhpQuery], Rows]
    get: Callable[[ShopState, int], JsonObject]
    create: Callable[[ShopState, JsonObject], JsonObject] | None = None
    update: Callable[[ShopState, int, JsonObject], JsonObject] | None = None
    delete: Callable[..., JsonObject] | None = None
    check: Callable[[JsonObject], None] = lambda payload: None
    forgets_totals: bool = False
    shown: Callable[[JsonObject], JsonObject] = lambda row: row


def _rename(shop: ShopState, wc_id: int, payload: JsonObject) -> JsonObject:
    category = categories.update(shop, wc_id, payload)
    products.rename_category(shop, category)
    return category


RESOURCES = (
    Resource(
        "products/categories",
        categories.listed,
        categories.get,
        categories.create,
        _rename,
        categories.delete,
    ),
    Resource(
        "products",
        product_list.listed,
        products.get,
        products.create,
        products.update,
        products.delete,
        check=check_product,
        shown=products.shown,
    ),
    Resource("orders", orders.listed, orders.get, forgets_totals=True),
    Resource("customers", customers.listed, customers.get),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request after authentication."""

    method: str
    route: str
    query: PhpQuery
    payload: JsonObject
    key: ApiKey | None
    raw_query: str


def answer(shop: ShopState, call: Call, route: str) -> Outcome:
    """Serve one call; `route` follows `/wc/v3`. Errors become answers."""
    with shop.lock:
        try:
            return _serve(shop, call, route)
        except ApiError as error:
            return Outcome(error.status, error.body())
        except (TypeError, AttributeError, ValueError, KeyError):
            return Outcome(500, Crash().body())


def _serve(shop: ShopState, call: Call, route: str) -> Outcome:
    if not shop.settings.active:
        raise no_route()
    query = php_query(call.query)
    key = authenticate(shop, call.method, call.path, query, call.headers.get("Authorization"))
    method = str(query.get("_method") or call.headers.get("X-HTTP-Method-Override") or call.method)
    asked = Asked(method, route.rstrip("/"), query, _payload(call), key, call.query)
    for resource in RESOURCES:
        match = re.fullmatch(rf"/{resource.path}(?:/(\d+|batch))?", asked.route)
        if match:
            return _dispatch(shop, resource, match[1], asked)
    raise no_route()


def _payload(call: Call) -> JsonObject:
    # JSON or a form by the content type; without one WordPress ignores the body.
    kind = (call.headers.get("Content-Type") or "").partition(";")[0].strip()
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(call.body.decode()))
    if kind != "application/json" or not call.body:
        return {}
    try:
        document = json.loads(call.body)
    except ValueError:
        raise ApiError(
            400, "rest_invalid_json", "Invalid JSON body passed.", json_error_code=4, json_error_message="Syntax error"
        ) from None
    return document if isinstance(document, dict) else {}


def _dispatch(shop: ShopState, resource: Resource, last: str | None, asked: Asked) -> Outcome:
    if last == "batch":
        return _batch(shop, resource, asked)
    if last is None:
        return _collection(shop, resource, asked)
    return _one(shop, resource, int(last), asked)


def _collection(shop: ShopState, resource: Resource, asked: Asked) -> Outcome:
    if asked.method == "GET":
        _permit(asked, "list")
        return _page(shop, resource, asked)
    if asked.method != "POST" or resource.create is None:
        raise no_route()
    resource.check(asked.payload)
    _permit(asked, "create")
    made = resource.create(shop, asked.payload)
    location = shop.url(f"/{resource.path}/{made['id']}")
    return Outcome(201, only_fields(asked.query, made), {"Location": location})


def _page(shop: ShopState, resource: Resource, asked: Asked) -> Outcome:
    found = paged(asked.query, resource.listed(shop, asked.query), forgets_totals=resource.forgets_totals)
    headers = {"X-WP-Total": str(found.total), "X-WP-TotalPages": str(found.pages)}
    page = int(str(asked.query.get("page", "1")))
    if page < found.pages:  # the next link repeats whatever was asked, signatures and all
        pairs = [pair for pair in parse_qsl(asked.raw_query) if pair[0] != "page"]
        address = shop.url(f"/{resource.path}") + "?" + urlencode([*pairs, ("page", str(page + 1))])
        headers["Link"] = f'<{address}>; rel="next"'
    return Outcome(200, [only_fields(asked.query, _in_context(resource, asked, row)) for row in found.rows], headers)


def _one(shop: ShopState, resource: Resource, wc_id: int, asked: Asked) -> Outcome:
    if asked.method == "GET":
        document = _in_context(resource, asked, resource.get(shop, wc_id))
        _permit(asked, "view")
    elif asked.method in WRITES and resource.update is not None:
        resource.check(asked.payload)
        _permit(asked, "edit")
        document = resource.update(shop, wc_id, asked.payload)
    elif asked.method == "DELETE" and resource.delete is not None:
        _permit(asked, "delete")
        document = resource.delete(shop, wc_id, force=_is_forced(asked.query))
    else:
        raise no_route()
    links = {"_links": document["_links"]} if "_links" in document else {}  # one object alone shows them in any case
    return Outcome(200, only_fields(asked.query, document) | links)


def _in_context(resource: Resource, asked: Asked, row: JsonObject) -> JsonObject:
    return row if asked.query.get("context") == "edit" else resource.shown(row)


def _is_forced(query: PhpQuery) -> bool:
    return str(query.get("force", "")).lower() in ("true", "1")


def _batch(shop: ShopState, resource: Resource, asked: Asked) -> Outcome:
    create, update, delete = resource.create, resource.update, resource.delete
    if asked.method not in WRITES or create is None or update is None or delete is None:
        raise no_route()
    _permit(asked, "batch")
    document = batch.run(
        asked.payload,
        lambda item: create(shop, item),
        lambda wc_id, item: update(shop, wc_id, {name: value for name, value in item.items() if name != "id"}),
        lambda wc_id: delete(shop, wc_id, force=True),
    )
    return Outcome(200, document)


def _permit(asked: Asked, action: str) -> None:
    # Unknown callers get 401, known ones without permission 403.
    if asked.key is None or not asked.key.manages:
        word, message = REFUSALS[action]
        raise ApiError(401 if asked.key is None else 403, f"woocommerce_rest_cannot_{word}", message)

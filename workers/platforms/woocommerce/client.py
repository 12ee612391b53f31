"""WooCommerce's REST API v3 as specification 3 uses it: products, orders and categories of one shop.

A call is sent once: the caller decides by the error's verdict whether and when to repeat it. Several threads may share a
client.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from app.settings.environment import SHOP_PORTS
from app.settings.values import Network
from workers.platforms.common.address import read_shop_url
from workers.platforms.common.answers import Answer
from workers.platforms.common.failures import bad_credentials
from workers.platforms.common.http import Clock
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.answers import count_of
from workers.platforms.woocommerce.auth import Param, ShopKey
from workers.platforms.woocommerce.batch import BatchAnswer as BatchAnswer
from workers.platforms.woocommerce.batch import BatchItem as BatchItem
from workers.platforms.woocommerce.batch import (
    Payload,
    ShopObject,
    batch_body,
    batch_items,
    checked_id,
    filled,
    unreadable,
)
from workers.platforms.woocommerce.calls import WooCommerceCalls
from workers.platforms.woocommerce.errors import WooCommerceApiError

PAGE_SIZE = 100
PRODUCTS, VARIATIONS = "/products", "/variations"
VARIATION = "variation"
NO_ROUTE = "rest_no_route"
PERCENT_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
LONGEST_SKU_LIST = 5000  # bytes as they are sent: servers refuse URLs of more than about 8,000


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. The totals are None if the shop left them out, and mean nothing on a page past the end."""

    records: list[ShopObject]
    total: int | None
    total_pages: int | None
    server_time: datetime | None


def open_client(
    url: str,
    credentials: Mapping[str, str],
    clock: Clock,
    *,
    allow_http: bool,
    ports: Collection[int] = SHOP_PORTS,
    networks: Collection[Network] = (),
    key_in_query: bool = False,
    remember_key_in_query: Callable[[bool], object] = lambda is_in_query: None,
) -> WooCommerceClient:
    """A client for a store's shop. Makes no call.

    `allow_http`, `ports` and `networks` are settings, as for `read_shop_url`; `credentials` have `consumer_key` and
    `consumer_secret`. For the last two see `WooCommerceCalls`. Raises PlatformError SHOP_ADDRESS_REFUSED or
    SHOP_CREDENTIALS_INCOMPLETE.
    """
    address = read_shop_url(url, allow_http=allow_http, ports=ports, networks=networks)
    consumer_key, consumer_secret = credentials.get("consumer_key"), credentials.get("consumer_secret")
    if not consumer_key or not consumer_secret:
        raise bad_credentials()
    key = ShopKey(consumer_key.strip(), consumer_secret.strip())
    return WooCommerceClient(
        WooCommerceCalls(address, key, clock, key_in_query=key_in_query, remember_key_in_query=remember_key_in_query)
    )


class WooCommerceClient:
    """One shop. Every method raises WooCommerceError with its verdict, and PlatformError for an address that is not called."""

    def __init__(self, calls: WooCommerceCalls) -> None:
        self._calls = calls
        self._attributes: list[ShopObject] | None = None
        self._lists_variations: bool | None = None  # of all products in one list; None: not asked yet

    def close(self) -> None:
        self._calls.close()

    def probe(self) -> None:
        """Make the smallest call that the key permits. Raises as every method does."""
        self._list("/products", {"per_page": 1, "_fields": "id"})

    def get_product(self, wc_product_id: int) -> ShopObject:
        """One product as it is stored, also a trashed one (`status` "trash"). Raises NOT_IN_SHOP."""
        return self._object("GET", f"/products/{checked_id(wc_product_id)}", params=_as_stored(()))

    def get_products(
        self, wc_product_ids: Collection[int], fields: Sequence[str] = (), status: str = "any"
    ) -> dict[int, ShopObject]:
        """Products by id as they are stored, one call per 100. `fields` limits what each has (id always).

        "any" lists all but the trash, "trash" only that.
        """
        return self._include("/products", wc_product_ids, fields, status)

    def _include(self, path: str, wc_ids: Collection[int], fields: Sequence[str], status: str) -> dict[int, ShopObject]:
        found: list[ShopObject] = []
        only = _as_stored(fields) | {"status": status}
        ids = [str(checked_id(wc_id)) for wc_id in wc_ids]
        for start in range(0, len(ids), PAGE_SIZE):
            include = ",".join(ids[start : start + PAGE_SIZE])
            found += self._list(path, {"include": include, "per_page": PAGE_SIZE, **only}).records
        return {product["id"]: product for product in found}

    def list_products(self, params: Mapping[str, Param], fields: Sequence[str]) -> Listing:
        """One page of products as they are stored, by WooCommerce's own parameters."""
        return self._list("/products", {**params, **_as_stored(fields)})

    def must_ask_for_lists(self, parents: Mapping[int, int | None]) -> bool:
        """Whether `lists_of` makes a call first: once, if there are variations."""
        return self._lists_variations is None and any(parent is not None for parent in parents.values())

    def ask_for_lists(self) -> bool:
        """Whether the shop lists the variations of all products at once, as WooCommerce does since 10.3."""
        # The index of routes would say so, too, in more than a megabyte.
        try:
            self._list(VARIATIONS, {"per_page": 1, "_fields": "id"})
            self._lists_variations = True
        except WooCommerceApiError as error:
            if error.wc_code != NO_ROUTE:
                raise
            self._lists_variations = False
        return self._lists_variations

    def lists_of(self, parents: Mapping[int, int | None]) -> list[dict[int, int | None]]:
        """Split what `read_products` is asked for by the lists that show it: one call each for up to 100 that are there."""
        if self.must_ask_for_lists(parents):
            self.ask_for_lists()
        lists: dict[int | None, dict[int, int | None]] = {}
        for wc_id, parent in parents.items():
            shown_by = 0 if parent is not None and self._lists_variations else parent
            lists.setdefault(shown_by, {})[wc_id] = parent
        return list(lists.values())

    def read_products(self, parents: Mapping[int, int | None], fields: Sequence[str]) -> dict[int, ShopObject]:
        """Products by id as they are stored, trashed ones too (`status` "trash").

        `parents`: the id of each with that of its parent, None for a product. What is missing, the shop has deleted. A
        variation has `image` instead of `images`, and always `type` and `parent_id`.
        """
        found: dict[int, ShopObject] = {}
        for listed in self.lists_of(parents):
            homes = {wc_id: PRODUCTS if parent is None else _variations_of(parent) for wc_id, parent in listed.items()}
            if None in listed.values():
                found |= self._read(PRODUCTS, homes, fields)
                continue
            path = VARIATIONS if self._lists_variations else next(iter(homes.values()))
            only = ["image" if name == "images" else name for name in fields]
            for wc_id, variation in self._read(path, homes, only).items():
                found[wc_id] = {**variation, "type": VARIATION, "parent_id": listed[wc_id]}
        return found

    def _read(self, path: str, homes: Mapping[int, str], fields: Sequence[str]) -> dict[int, ShopObject]:
        """The objects of a list by id; `homes` has the path below which each can be asked for by itself."""
        found = self._include(path, homes, fields, "any")
        missing = [wc_id for wc_id in homes if wc_id not in found]
        found |= self._include(path, missing, fields, "trash")
        for wc_id in missing:  # with a status of a plugin no list shows it
            if wc_id not in found and (one := self._object_or_none(f"{homes[wc_id]}/{wc_id}")) is not None:
                found[wc_id] = one
        return found

    def _object_or_none(self, path: str) -> ShopObject | None:
        try:
            return self._object("GET", path, params=_as_stored(()))
        except WooCommerceApiError as error:
            if error.code != errors.NOT_IN_SHOP:
                raise
            return None

    def find_product_by_sku(self, sku: str) -> ShopObject | None:
        """The product or variation with this SKU of its own, regardless of case and accents; None for a trashed one."""
        return self.find_products_by_sku([sku]).get(sku)

    def find_products_by_sku(
        self, skus: Collection[str], fields: Sequence[str] = (), *, trashed: bool = False
    ) -> dict[str, ShopObject]:
        """Products and variations by their own SKU as they are stored, or those of them in the trash; about a call per 100.

        A variation without a SKU of its own shows its parent's, and is not found by it. The lowest id if a shop has a SKU
        twice.
        """
        found: dict[str, ShopObject] = {}
        wide = (*fields, "type", "parent_id") if fields else ()
        for several in _sku_lists(skus):
            wanted: dict[str, list[str]] = {}
            for sku in several:
                wanted.setdefault(_folded(sku), []).append(sku)
            listed: dict[str, Param] = {"sku": _sku_filter(several), "status": "trash" if trashed else "any"}
            paging: dict[str, Param] = {"orderby": "id", "order": "desc", "per_page": PAGE_SIZE}
            for product in self._list(PRODUCTS, listed | paging | _as_stored(wide)).records:
                for sku in wanted.get(_folded(product.get("sku")), ()):
                    found[sku] = product
        # In this list a variation shows its parent's picture and name.
        variations = {one["id"]: one["parent_id"] for one in found.values() if one.get("type") == VARIATION}
        as_stored = self.read_products(variations, fields)
        return {sku: as_stored.get(one["id"], one) for sku, one in found.items()}

    def create_product(self, payload: Payload) -> ShopObject:
        """Create a product. Raises DUPLICATE_SKU with `resource_id` (product or variation), SHOP_REFUSED_VALUE, and
        PRODUCT_NOT_CREATED, for which `find_products_by_sku` tells why: a trashed product has the SKU, or it has quotes in it.

        There is no idempotency key: after a NetworkError, look the SKU up before repeating the call.
        """
        return self._object("POST", "/products", filled(payload))

    def update_product(self, wc_product_id: int, payload: Payload) -> ShopObject:
        """Change the fields of the payload. Raises NOT_IN_SHOP for a deleted product, DUPLICATE_SKU, and as `create_product`.

        An empty payload raises ValidationError: the shop would only mark the product as modified.
        """
        return self._object("PUT", f"/products/{checked_id(wc_product_id)}", filled(payload))

    def batch_update_products(self, create: Sequence[Payload] = (), update: Sequence[Payload] = ()) -> BatchAnswer:
        """Create and change up to 100 products; each update has its `id`. The call succeeds even if items fail.

        Raises only for the call as a whole. After SHOP_CRASHED, PLATFORM_TIMED_OUT and NetworkError any item may be done.
        """
        return self._batch(PRODUCTS, create, update)

    def batch_update_variations(
        self, wc_parent_id: int, create: Sequence[Payload] = (), update: Sequence[Payload] = ()
    ) -> BatchAnswer:
        """As `batch_update_products`, for up to 100 variations of one product. Those of another one are NOT_IN_SHOP."""
        answer = self._batch(_variations_of(wc_parent_id), create, update)
        for item in (*answer.created, *answer.updated):
            if item.product is not None:
                item.product.update(type=VARIATION, parent_id=wc_parent_id)
        return answer

    def _batch(self, path: str, create: Sequence[Payload], update: Sequence[Payload]) -> BatchAnswer:
        document, _ = self._calls.call("POST", f"{path}/batch", {}, batch_body(create, update))
        answers = document if isinstance(document, dict) else {}
        return BatchAnswer(
            batch_items(answers.get("create"), len(create)), batch_items(answers.get("update"), len(update))
        )

    def delete_product(self, wc_product_id: int, wc_parent_id: int | None = None) -> ShopObject:
        """Delete a product, or a variation of that parent, for good. Raises NOT_IN_SHOP."""
        home = PRODUCTS if wc_parent_id is None else _variations_of(wc_parent_id)
        return self._object("DELETE", f"{home}/{checked_id(wc_product_id)}", params={"force": True})

    def get_orders(self, params: Mapping[str, Param]) -> Listing:
        """One page of orders, by WooCommerce's own parameters; lists are sent as `name[0]`, booleans as words."""
        return self._list("/orders", params)

    def get_refunds(self, params: Mapping[str, Param], order_id: int | None = None) -> list[ShopObject]:
        """Refunds of one order or, in WooCommerce 9.0 and later, of all; a refund's order is its `parent_id`."""
        path = "/refunds" if order_id is None else f"/orders/{checked_id(order_id)}/refunds"
        return self._list(path, params).records

    def get_categories(self) -> list[ShopObject]:
        found: list[ShopObject] = []
        for page in range(1, 10_000):
            listing = self._list(
                "/products/categories", {"orderby": "id", "order": "asc", "per_page": PAGE_SIZE, "page": page}
            )
            found += listing.records
            if len(listing.records) < PAGE_SIZE:
                return found
        raise unreadable()

    def get_attributes(self) -> list[ShopObject]:
        """The attributes that products of the shop share, each with id, name and slug; read once by a client."""
        if self._attributes is None:
            self._attributes = self._list("/products/attributes", {}).records
        return self._attributes

    def create_category(self, payload: Payload) -> ShopObject:
        """Create a category, or return the one with this name at this place."""
        try:
            return self._object("POST", "/products/categories", filled(payload))
        except WooCommerceApiError as error:
            if error.code != errors.TERM_EXISTS or error.resource_id is None:
                raise
            existing = error.resource_id
        return self._object("GET", f"/products/categories/{existing}")

    def update_category(self, wc_category_id: int, payload: Payload) -> ShopObject:
        return self._object("PUT", f"/products/categories/{checked_id(wc_category_id)}", filled(payload))

    def _object(
        self, method: str, path: str, payload: Payload | None = None, params: Mapping[str, Param] | None = None
    ) -> ShopObject:
        document, _ = self._calls.call(method, path, params or {}, payload)
        if not isinstance(document, dict) or type(document.get("id")) is not int:
            raise unreadable()
        return document

    def _list(self, path: str, params: Mapping[str, Param]) -> Listing:
        document, answer = self._calls.call("GET", path, params)
        if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
            raise unreadable()
        return listing_of(document, answer)


def listing_of(records: list[ShopObject], answer: Answer) -> Listing:
    total, pages = count_of(answer, "x-wp-total"), count_of(answer, "x-wp-totalpages")
    return Listing(records, total, pages, answer.server_time)


def _variations_of(wc_parent_id: int) -> str:
    return f"{PRODUCTS}/{checked_id(wc_parent_id)}/variations"


def _as_stored(fields: Sequence[str]) -> dict[str, Param]:
    # The context `view` shows rendered texts, which are not those that were written.
    only: dict[str, Param] = {"_fields": ",".join(dict.fromkeys(("id", *fields)))} if fields else {}
    return {"context": "edit", **only}


def _sku_lists(skus: Collection[str]) -> Iterator[list[str]]:
    """The SKUs in lists of one call each, without those that can't be looked up: the shop splits its filter at commas."""
    several: list[str] = []
    size = 0
    for sku in skus:
        if not sku.strip() or "," in sku:
            continue
        added = len(quote(sku, safe="")) + 3  # with the comma, escaped
        if len(several) == PAGE_SIZE or size + added > LONGEST_SKU_LIST:
            yield several
            several, size = [], 0
        several.append(sku)
        size += added
    if several:
        yield several


def _sku_filter(skus: Sequence[str]) -> str:
    listed = ",".join(skus)
    return "0,0" if listed == "0" else listed  # PHP takes "0" alone for no filter, and would list every product


def _folded(sku: Any) -> str:
    """A SKU as the shop stores and compares it: no percent escapes, runs of blanks as one, without case and accents."""
    text = html.unescape(str(sku or ""))
    while (without := PERCENT_ESCAPE.sub("", text)) != text:
        text = without
    plain = unicodedata.normalize("NFD", " ".join(text.split()))
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()

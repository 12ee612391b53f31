"""Refunds of the fake shop: read and listed, of one order and of all. Tests add them."""

from __future__ import annotations

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.lists import Rows, ordered, texts, within_dates
from tests.fakes.woocommerce.orders import KEYS
from tests.fakes.woocommerce.state import JsonObject, ShopState


def add(shop: ShopState, order_id: int, amount: str, **fields: object) -> JsonObject:
    """Refund a part of an order, whose date moves."""
    refund_id = shop.new_post_id()
    refund = {"id": refund_id, "parent_id": order_id, "amount": amount, "reason": "", "line_items": []}
    shop.refunds[refund_id] = refund | shop.dates("date_created", shop.now()) | fields
    order = shop.orders[order_id]
    refunds = [*order["refunds"], {"id": refund_id, "reason": "", "total": f"-{amount}"}]
    shop.orders[order_id] = order | {"refunds": refunds} | shop.dates("date_modified", shop.now())
    return shop.refunds[refund_id]


def of_order(shop: ShopState, order_id: int) -> Rows:
    # Also of an order that is deleted or trashed; the refunds of a deleted one are gone with it.
    return [row for row in shop.refunds.values() if row["parent_id"] == order_id and order_id in shop.orders]


def listed(shop: ShopState, order_id: int, query: PhpQuery) -> Rows:
    return _listed(shop, query, of_order(shop, order_id))


def listed_of_all(shop: ShopState, query: PhpQuery) -> Rows:
    """The refunds of all orders, trashed ones included; `parent` is no filter."""
    return _listed(shop, query, [row for row in shop.refunds.values() if row["parent_id"] in shop.orders])


def _listed(shop: ShopState, query: PhpQuery, rows: Rows) -> Rows:
    dated = [
        row | {name.replace("created", "modified"): row[name] for name in ("date_created", "date_created_gmt")}
        for row in rows
    ]
    if texts(query, "include"):
        ids = set(texts(query, "include"))
        dated = [row for row in dated if str(row["id"]) in ids]
    return ordered(query, within_dates(shop, query, dated, loses_fractions=True), KEYS, "desc")


def get(shop: ShopState, order_id: int, refund_id: int) -> JsonObject:
    refund = shop.refunds.get(refund_id)
    if refund is None:
        raise ApiError(404, "woocommerce_rest_shop_order_refund_invalid_id", "Invalid ID.")
    if refund["parent_id"] != order_id:
        raise ApiError(500, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.")
    return refund


def delete(shop: ShopState, order_id: int, refund_id: int, *, force: bool) -> JsonObject:
    """Delete a refund, also without force; no date of its order moves."""
    refund = get(shop, order_id, refund_id)
    del shop.refunds[refund_id]
    order = shop.orders[order_id]
    order["refunds"] = [one for one in order["refunds"] if one["id"] != refund_id]
    return refund

"""Maps the ERP's products to WooCommerce's payloads; pure.

WooCommerce's rules: a price is a text with a dot (a comma turns 12,50 into 1250), "" clears a price or a date, a quantity
counts only together with `manage_stock`, and lists are replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

from schemas.platforms.woocommerce.orders import WooOrder, refunded_total
from schemas.records.erp import ErpProduct
from workers.outbound.planning.sanitize import clean_description, clean_name

Payload = dict[str, Any]
SALE_FIELDS = ("sale_price", "date_on_sale_from_gmt", "date_on_sale_to_gmt")
GROUP_FIELDS = {
    "price": ("regular_price", *SALE_FIELDS),
    "stock": ("manage_stock", "stock_quantity"),
    # A discontinued product has status or stock status, a variable one type and attributes.
    "product": ("name", "sku", "description", "status", "stock_status", "type", "attributes"),
    "category": ("categories",),
    "image": ("images", "image"),  # the second of a variation
}
GROUPS = {name: group for group, names in GROUP_FIELDS.items() for name in names}
# What an item of each type may send: one of type "product" all.
FIELDS_BY_TYPE = GROUP_FIELDS | {"product": tuple(GROUPS)}


class PulledItem(TypedDict):
    """A line of a pulled order."""

    wooCommerceProductId: int | None
    sku: str | None
    name: str
    quantity: str
    total: str


class PulledOrder(TypedDict):
    """The specification's PulledOrder."""

    wooCommerceId: int
    number: str
    status: str
    currency: str | None
    total: str
    refundedTotal: str
    customerId: int | None
    createdAt: str
    modifiedAt: str | None
    items: list[PulledItem]


def to_woocommerce_product(product: ErpProduct, category_ids: Mapping[UUID, int]) -> Payload:
    """All fields that the ERP states, without markup that a shop should not serve.

    `category_ids`: WooCommerce's id per ERP category; unmapped ones are left out, and if there are no others, the field.
    """
    return {
        "name": clean_name(product.name) or product.sku,
        "sku": product.sku,
        **({"description": clean_description(product.description or "")} if states(product, "description") else {}),
        **to_woocommerce_price(product),
        **to_woocommerce_stock(product),
        **to_woocommerce_categories(product, category_ids),
        **to_woocommerce_images(product),
    }


def to_woocommerce_variation(product: ErpProduct) -> Payload:
    """What the ERP states of the fields that a variation has of its own; name, texts and categories are its product's."""
    return {
        "sku": product.sku,
        **to_woocommerce_price(product),
        **to_woocommerce_stock(product),
        **to_woocommerce_image(product),
    }


def to_woocommerce_parent(payload: Payload, attributes: list[dict[str, Any]]) -> Payload:
    """The payload of a product that has variations: the shop drops a price of its own."""
    own = {name: value for name, value in payload.items() if GROUPS[name] != "price"}
    return {**own, "type": "variable", "attributes": attributes}


def states(product: ErpProduct, field: str) -> bool:
    return field in product.stated_fields


def to_woocommerce_stock(product: ErpProduct) -> Payload:
    if not states(product, "manage_stock"):
        return {}
    if product.manage_stock and states(product, "stock_quantity"):
        return {"manage_stock": True, "stock_quantity": product.stock_quantity or 0}
    return {"manage_stock": product.manage_stock}


def to_woocommerce_price(product: ErpProduct) -> Payload:
    """The stated prices; a sale price of None clears sale price and dates. Dates are naive UTC, as `_gmt` fields are."""
    regular = {"regular_price": price_text(product.regular_price)} if states(product, "regular_price") else {}
    if not states(product, "sale_price"):
        return regular
    on_sale = product.sale_price is not None
    return {
        **regular,
        "sale_price": price_text(product.sale_price),
        "date_on_sale_from_gmt": gmt_text(product.sale_from if on_sale else None),
        "date_on_sale_to_gmt": gmt_text(product.sale_to if on_sale else None),
    }


def to_woocommerce_categories(product: ErpProduct, category_ids: Mapping[UUID, int]) -> Payload:
    mapped = sorted({category_ids[category] for category in product.category_ids if category in category_ids})
    if not states(product, "category_ids") or (product.category_ids and not mapped):
        return {}
    return {"categories": [{"id": wc_id} for wc_id in mapped]}


def to_woocommerce_images(product: ErpProduct) -> Payload:
    """The images by address, the main one first. The shop downloads all of them again whenever they are sent."""
    return {"images": [{"src": url} for url in product.image_urls]} if states(product, "image_urls") else {}


def to_woocommerce_image(product: ErpProduct) -> Payload:
    """The main image, for a variation, which has only one; "" clears it."""
    if not states(product, "image_urls"):
        return {}
    return {"image": {"src": product.image_urls[0]} if product.image_urls else ""}


def keep_manual_offer(payload: Payload, answer: Mapping[str, Any], last_sent_sale_price: Decimal | None) -> Payload:
    """The payload without its sale if the shop has a sale price that we did not set; for products that allow it.

    `answer` is the shop's product.
    """
    # The payload's own sale price may be there already: sent by a call whose result was never saved.
    ours = (None, last_sent_sale_price, number_of(payload.get("sale_price")))
    if number_of(answer.get("sale_price")) in ours:
        return payload
    return {field: value for field, value in payload.items() if field not in SALE_FIELDS}


def from_woocommerce_order(order: WooOrder) -> PulledOrder:
    """A pulled order as plain JSON. Amounts are texts, times ISO 8601 in UTC; nothing names the buyer."""
    return {
        "wooCommerceId": order.id,
        "number": order.number or str(order.id),
        "status": order.status,
        "currency": order.currency,
        "total": price_text(order.total),
        "refundedTotal": price_text(refunded_total(order)),
        "customerId": order.customer_id,
        "createdAt": order.date_created_gmt.isoformat(),
        "modifiedAt": None if order.date_modified_gmt is None else order.date_modified_gmt.isoformat(),
        "items": [
            {
                "wooCommerceProductId": line.product_id,
                "sku": line.sku,
                "name": line.name or "",
                "quantity": price_text(line.quantity),
                "total": price_text(line.total),
            }
            for line in order.line_items or ()
        ],
    }


def price_text(amount: Decimal | None) -> str:
    """The amount with a dot, without exponent and trailing zeros; "" for None."""
    if amount is None:
        return ""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def gmt_text(moment: datetime | None) -> str:
    """UTC without a zone, to the second; "" for None."""
    return "" if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def number_of(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if value not in (None, "") and not isinstance(value, bool) else None
    except ArithmeticError:
        return None

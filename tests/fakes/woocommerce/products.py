"""Products of the fake shop: what a write makes of them, field by field, as in the real one."""

from __future__ import annotations

import re
from datetime import datetime

from tests.fakes.woocommerce import product_parts as parts
from tests.fakes.woocommerce.errors import ApiError, invalid_product
from tests.fakes.woocommerce.product_defaults import DEFAULTS, EDITOR_FIELDS
from tests.fakes.woocommerce.product_fields import set_prices, set_stock
from tests.fakes.woocommerce.state import JsonObject, ShopState, escaped, slug_of

UNTYPED = "Product"  # the name of a product that was given none
PLAIN_FIELDS = (
    "featured",
    "catalog_visibility",
    "virtual",
    "downloadable",
    "external_url",
    "button_text",
    "tax_status",
    "tax_class",
    "backorders",
    "low_stock_amount",
    "sold_individually",
    "weight",
    "shipping_class",
    "reviews_allowed",
    "upsell_ids",
    "cross_sell_ids",
    "purchase_note",
    "menu_order",
)


def create(shop: ShopState, payload: JsonObject) -> JsonObject:
    """Create a product; a refused one leaves nothing."""
    if "id" in payload:
        raise ApiError(400, "woocommerce_rest_product_exists", "Cannot create existing product.")
    product = {"id": 0, "name": UNTYPED, "slug": "", "permalink": "", **DEFAULTS}
    now = shop.now()
    product |= shop.dates("date_created", now) | shop.dates("date_modified", now)
    product = _changed(shop, product, payload)
    _set_own_date(shop, product, payload, now)
    product["id"] = shop.new_post_id()
    _finish(shop, product)
    _keep(shop, product, before=None)
    return product


def update(shop: ShopState, product_id: int, payload: JsonObject) -> JsonObject:
    """Change a product. Every update moves its date, even one without changes."""
    before = shop.products.get(product_id)
    if before is None:
        raise invalid_product(400)
    _refuse_variation(before)
    product = _changed(shop, dict(before), payload)
    product |= shop.dates("date_modified", shop.now())
    _finish(shop, product)
    _keep(shop, product, before)
    return product


def get(shop: ShopState, product_id: int) -> JsonObject:
    if product_id not in shop.products:
        raise invalid_product(404)
    return shop.products[product_id]


def rename_category(shop: ShopState, category: JsonObject) -> None:
    for product in shop.products.values():
        for entry in product.get("categories", ()):  # variations have none
            if entry["id"] == category["id"]:
                entry["name"] = category["name"]


def delete(shop: ShopState, product_id: int, *, force: bool) -> JsonObject:
    """The product before it was trashed or deleted."""
    product = get(shop, product_id)
    _refuse_variation(product)
    if force:
        del shop.products[product_id]
        shop.trashed_from.pop(product_id, None)
        shop.skus.pop(folded(product["sku"]), None)
        return product
    if product["status"] == "trash":
        raise ApiError(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
    shop.trashed_from[product_id] = product["status"]
    trashed = product | {"status": "trash", "slug": f"{product['slug']}__trashed"}
    shop.products[product_id] = trashed | shop.dates("date_modified", shop.now())
    return product


def _refuse_variation(product: JsonObject) -> None:
    if product["type"] == "variation":
        message = (
            "To manipulate product variations you should use the "
            "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
        )
        raise ApiError(404, "woocommerce_rest_invalid_product_id", message)


def folded(sku: str) -> str:
    return sku.strip().casefold()


def _changed(shop: ShopState, product: JsonObject, payload: JsonObject) -> JsonObject:
    # Values inside are replaced, never changed in place: `product` shares them with the defaults and its earlier state.
    _set_texts(product, payload)
    if "sku" in payload:
        product["sku"] = _free_sku(shop, product["id"], str(payload["sku"] or "").strip())
    set_prices(shop, product, payload)
    set_stock(product, payload)
    if "global_unique_id" in payload:
        product["global_unique_id"] = _free_gtin(shop, product["id"], str(payload["global_unique_id"] or ""))
    for name in PLAIN_FIELDS:
        if name in payload:
            product[name] = payload[name]
    if "dimensions" in payload:
        product["dimensions"] = product["dimensions"] | payload["dimensions"]
    parts.set_parts(shop, product, payload)
    return product


def _set_texts(product: JsonObject, payload: JsonObject) -> None:
    if "name" in payload:
        product["name"] = escaped(str(payload["name"]))
    for name in ("description", "short_description"):
        if name in payload:
            product[name] = escaped(str(payload[name] or ""))
    if payload.get("type") in ("simple", "grouped", "external", "variable"):
        product["type"] = payload["type"]
    if payload.get("status"):
        product["status"] = payload["status"]


def _free_sku(shop: ShopState, product_id: int, sku: str) -> str:
    # The trash keeps its SKUs, and has another error for them.
    owner = shop.skus.get(folded(sku)) if sku else None
    if owner is None or owner == product_id:
        return sku
    if shop.products[owner]["status"] == "trash":
        message = f"The product with SKU ({sku}) you are trying to insert is already present in the lookup table"
        raise ApiError(400, "woocommerce_rest_product_not_created", message)
    suffix = 1
    while folded(f"{sku}-{suffix}") in shop.skus:
        suffix += 1
    raise ApiError(
        400,
        "product_invalid_sku",
        "Invalid or duplicated SKU.",
        resource_id=owner,
        unique_sku=f"{sku}-{suffix}",
    )


def _free_gtin(shop: ShopState, product_id: int, gtin: str) -> str:
    kept = re.sub(r"[^0-9-]", "", gtin)
    for other in shop.products.values() if kept else ():
        if other["global_unique_id"] == kept and other["id"] != product_id:
            message = "Invalid or duplicated GTIN, UPC, EAN or ISBN."
            raise ApiError(400, "product_invalid_global_unique_id", message, resource_id=other["id"])
    return kept


def _set_own_date(shop: ShopState, product: JsonObject, payload: JsonObject, now: datetime) -> None:
    # A future date schedules the product. Naive text is UTC here in either field.
    given = payload.get("date_created_gmt") or payload.get("date_created")
    if given:
        moment = shop.read_date(given, gmt=True)
        product |= shop.dates("date_created", moment) | shop.dates("date_modified", moment)
        if moment > now and product["status"] == "publish":
            product["status"] = "future"


def _finish(shop: ShopState, product: JsonObject) -> None:
    home, product_id = shop.settings.home, product["id"]
    generated = slug_of(product["name"]) or str(product_id)
    if not product["slug"] and product["status"] in ("publish", "private", "future", "trash"):
        product["slug"] = _free_slug(shop, generated)
    is_public = product["status"] in ("publish", "private") and "__trashed" not in product["slug"]
    address = f"/product/{product['slug']}/" if is_public else f"/?post_type=product&p={product_id}"
    product |= {"permalink": home + address, "generated_slug": generated}
    product["permalink_template"] = f"{home}/product/%pagename%/"
    _finish_price(shop, product)
    product["backorders_allowed"] = product["backorders"] != "no"
    product["backordered"] = product["stock_status"] == "onbackorder"
    product["shipping_required"] = not product["virtual"]
    product["shipping_taxable"] = product["shipping_required"] and product["tax_status"] == "taxable"
    product["has_options"] = product["type"] == "variable"
    product["_links"] = shop.links("/products", product_id)


def _free_slug(shop: ShopState, slug: str) -> str:
    free, suffix = slug, shop.next_suffix.get(slug, 2)
    while free in shop.slugs:
        free, suffix = f"{slug}-{suffix}", suffix + 1
    shop.slugs.add(free)
    shop.next_suffix[slug] = suffix
    return free


def shown(product: JsonObject) -> JsonObject:
    """A product as it is read: texts in paragraphs, without fields of the editor."""
    seen = dict(product)
    for name in EDITOR_FIELDS:
        seen.pop(name, None)
    for name in ("description", "short_description"):
        if seen[name]:
            seen[name] = _in_paragraphs(seen[name])
    return seen


def _in_paragraphs(text: str) -> str:
    lines = [line if line.startswith("<p") else f"<p>{line}</p>" for line in text.split("\n") if line.strip()]
    return "".join(f"{line}\n" for line in lines)


def _finish_price(shop: ShopState, product: JsonObject) -> None:
    now = shop.now().strftime("%Y-%m-%dT%H:%M:%S")
    begins, ends = product["date_on_sale_from_gmt"], product["date_on_sale_to_gmt"]
    is_on = product["sale_price"] != "" and (not begins or begins <= now) and (not ends or now <= ends)
    product["on_sale"] = is_on
    product["price"] = product["sale_price"] if is_on else product["regular_price"]
    product["purchasable"] = product["price"] != "" and product["type"] == "simple"
    amount = f'<span class="woocommerce-Price-amount amount">{product["price"]}</span>'
    product["price_html"] = amount if product["price"] != "" else ""


def _keep(shop: ShopState, product: JsonObject, before: JsonObject | None) -> None:
    if before is not None and before["sku"]:
        shop.skus.pop(folded(before["sku"]), None)
    if product["sku"]:
        shop.skus[folded(product["sku"])] = product["id"]
    shop.products[product["id"]] = product

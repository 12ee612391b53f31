"""Products of the fake shop: what a write makes of them, field by field, as in the real one."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from tests.fakes.woocommerce.catalogue import parts, texts, variations
from tests.fakes.woocommerce.catalogue.defaults import DEFAULTS, EDITOR_FIELDS
from tests.fakes.woocommerce.catalogue.fields import PRICELESS, decimal_text, pieces, set_prices, set_stock, tax_class
from tests.fakes.woocommerce.catalogue.skus import free_sku, keep_sku, release_sku
from tests.fakes.woocommerce.errors import ApiError, Crash, invalid_product
from tests.fakes.woocommerce.state import JsonObject, ShopState, slug_of

UNTYPED = "Product"  # the name of a product that was given none
TYPES = ("simple", "grouped", "external", "variable")
PLAIN_FIELDS = (
    "featured",
    "catalog_visibility",
    "virtual",
    "downloadable",
    "external_url",
    "tax_status",
    "backorders",
    "low_stock_amount",
    "sold_individually",
    "reviews_allowed",
    "upsell_ids",
    "cross_sell_ids",
    "grouped_products",
)


def create(shop: ShopState, payload: JsonObject) -> JsonObject:
    """Create a product; a refused one leaves nothing."""
    if "id" in payload:
        raise ApiError(400, "woocommerce_rest_product_exists", "Cannot create existing product.")
    if "name" in payload and not str(payload["name"]).strip(" ") and payload["name"]:
        raise Crash
    product = {"id": 0, "name": UNTYPED, "slug": "", "permalink": "", **DEFAULTS}
    now = shop.now()
    product |= shop.dates("date_created", now) | shop.dates("date_modified", now)
    product = _changed(shop, product, payload)
    _set_own_date(shop, product, payload, now)
    product["id"] = shop.new_post_id()
    return _keep(shop, product, before=None)


def update(shop: ShopState, product_id: int, payload: JsonObject) -> JsonObject:
    """Change a product. Every update moves its date, even one without changes."""
    before = shop.products.get(product_id)
    if before is None:
        raise invalid_product(400)
    _refuse_variation(before)
    if payload.get("id", product_id) != product_id:
        raise invalid_product(400)
    product = _changed(shop, dict(before), payload)
    product |= shop.dates("date_modified", shop.now())
    _schedule(shop, product, payload)
    if before["status"] == "trash" and product["status"] != "trash":
        product["slug"] = product["slug"].removesuffix("__trashed") or product["slug"]
        shop.trashed_from.pop(product_id, None)
    elif before["status"] != "trash" and product["status"] == "trash":
        _trash_children(shop, product)
        product["slug"] += "__trashed"
    return _keep(shop, product, before)


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
        for child in variations.of_parent(shop, product_id):
            variations.remove(shop, child)
        del shop.products[product_id]
        shop.trashed_from.pop(product_id, None)
        release_sku(shop, product)
        return product
    if product["status"] == "trash":
        raise ApiError(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
    shop.trashed_from[product_id] = product["status"]
    trashed = product | {"status": "trash", "slug": f"{product['slug']}__trashed"}
    shop.products[product_id] = trashed | shop.dates("date_modified", shop.now())
    _trash_children(shop, product)
    return product


def _trash_children(shop: ShopState, product: JsonObject) -> None:
    # Restoring the product by the API leaves them in the trash.
    for child in variations.of_parent(shop, product["id"]):
        if child["status"] != "trash":
            variations.trash(shop, child)


def _refuse_variation(product: JsonObject) -> None:
    if product["type"] == "variation":
        message = (
            "To manipulate product variations you should use the "
            "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
        )
        raise ApiError(404, "woocommerce_rest_invalid_product_id", message)


def _changed(shop: ShopState, product: JsonObject, payload: JsonObject) -> JsonObject:
    # Values inside are replaced, never changed in place: `product` shares them with the defaults and its earlier state.
    _set_texts(shop, product, payload)
    if "sku" in payload:
        product["sku"] = free_sku(shop, product["id"], texts.plain(str(payload["sku"] or "")))
    set_prices(shop, product, payload)
    set_stock(product, payload)
    if "global_unique_id" in payload:
        product["global_unique_id"] = _free_gtin(shop, product["id"], str(payload["global_unique_id"] or ""))
    for name in PLAIN_FIELDS:
        if name in payload:
            product[name] = payload[name]
    if "menu_order" in payload:
        product["menu_order"] = pieces(payload["menu_order"])
    if "tax_class" in payload:
        product["tax_class"] = tax_class(payload["tax_class"])
    if "weight" in payload:
        product["weight"] = decimal_text(payload["weight"])
    if "dimensions" in payload:
        given = {name: decimal_text(value) for name, value in payload["dimensions"].items()}
        product["dimensions"] = product["dimensions"] | given
    parts.set_parts(shop, product, payload)
    return product


def _set_texts(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    if "name" in payload:
        product["name"] = texts.rich(str(payload["name"]))
        if product["name"] in ("", "0"):
            product["name"] = UNTYPED
    for name in ("description", "short_description", "purchase_note"):
        if name in payload:
            product[name] = texts.rich(str(payload[name] or ""))
    if payload.get("type") in TYPES:
        product["type"] = payload["type"]
    if product["type"] == "external" and "button_text" in payload:
        product["button_text"] = texts.plain(str(payload["button_text"]))
    if payload.get("slug"):
        product["slug"] = _free_slug(shop, slug_of(payload["slug"]))
    if payload.get("status"):
        product["status"] = payload["status"]


def _free_gtin(shop: ShopState, product_id: int, gtin: str) -> str:
    kept = re.sub(r"[^0-9X-]", "", gtin)
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
    _schedule(shop, product, {})


def _schedule(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    given = payload.get("date_created_gmt") or payload.get("date_created")
    if given:
        product |= shop.dates("date_created", shop.read_date(given, gmt=True))
    is_later = product["date_created_gmt"] > shop.dates("now", shop.now())["now_gmt"]
    if product["status"] in ("publish", "future"):
        product["status"] = "future" if is_later else "publish"


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


def shown(shop: ShopState, product: JsonObject, context: str = "view") -> JsonObject:
    """A product as it is read: for visitors with texts in paragraphs and without fields of the editor, or for editing."""
    if product["type"] == "variation":
        return variations.shown_as_product(shop, product)
    if product["type"] in PRICELESS:
        product = product | _of_children(shop, product)
    if context == "edit":
        return product
    seen = {name: value for name, value in product.items() if name not in EDITOR_FIELDS}
    for name in ("description", "short_description"):
        if seen[name]:
            seen[name] = texts.paragraphs(seen[name])
    return seen


def _of_children(shop: ShopState, product: JsonObject) -> JsonObject:
    if product["type"] == "variable":
        return variations.derived(shop, product)
    members = [shop.products[one] for one in product["grouped_products"] if one in shop.products]
    return {"price": min((one["price"] for one in members if one["price"] != ""), key=Decimal, default="")}


def _finish_price(shop: ShopState, product: JsonObject) -> None:
    begins, ends = product["date_on_sale_from_gmt"], product["date_on_sale_to_gmt"]
    is_on = product["sale_price"] != "" and shop.is_within(begins, ends)
    product["on_sale"] = is_on
    product["price"] = product["sale_price"] if is_on else product["regular_price"]
    product["purchasable"] = product["price"] != "" and product["type"] == "simple"
    if product["type"] in PRICELESS:
        product |= _of_children(shop, product)
    amount = f'<span class="woocommerce-Price-amount amount">{product["price"]}</span>'
    product["price_html"] = amount if product["price"] != "" else ""


def _keep(shop: ShopState, product: JsonObject, before: JsonObject | None) -> JsonObject:
    _finish(shop, product)
    keep_sku(shop, product, before)
    shop.products[product["id"]] = product
    if product["type"] == "variable":
        variations.follow_parent_stock(shop, product)
        variations.refresh_parent(shop, product["id"])
        return shop.products[product["id"]]
    return product

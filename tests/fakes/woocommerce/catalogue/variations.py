"""Variations of the fake shop: kept among the products, written and listed by routes of their own.

What a variation lacks it shows from its parent: the SKU, and the stock where the parent manages it.
"""

from __future__ import annotations

from decimal import Decimal

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.catalogue import parts, texts
from tests.fakes.woocommerce.catalogue.defaults import DEFAULTS
from tests.fakes.woocommerce.catalogue.fields import (
    decimal_text,
    is_true,
    number_of,
    pieces,
    set_prices,
    set_quantity,
    tax_class,
)
from tests.fakes.woocommerce.catalogue.product_list import KEYS, STATUSES, matches_sku, of_status
from tests.fakes.woocommerce.catalogue.skus import free_sku, keep_sku, release_sku
from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.lists import Rows, ordered, within_dates
from tests.fakes.woocommerce.lists import texts as listed_texts
from tests.fakes.woocommerce.state import JsonObject, ShopState, slug_of

NOT_PRODUCT_FIELDS = ("short_description", "categories", "brands", "tags", "images", "variations", "grouped_products")
LISTED = ("publish", "private")


def create(shop: ShopState, parent_id: int, payload: JsonObject) -> JsonObject:
    parent = _parent(shop, parent_id)
    now = shop.now()
    variation = {
        "id": 0,
        "name": "",
        "slug": "",
        "permalink": "",
        **DEFAULTS,
        "type": "variation",
        "parent_id": parent_id,
    }
    variation |= {"tax_class": "parent", "image": None, "gallery_image_ids": [], "total_sales": "0"}
    variation |= shop.dates("date_created", now) | shop.dates("date_modified", now)
    variation = _changed(shop, parent, variation, payload)
    variation["id"] = shop.new_post_id()
    return _keep(shop, parent, variation, before=None)


def update(shop: ShopState, parent_id: int, wc_id: int, payload: JsonObject) -> JsonObject:
    before = _own(shop, parent_id, wc_id)
    parent = _parent(shop, parent_id)
    variation = _changed(shop, parent, dict(before), payload) | shop.dates("date_modified", shop.now())
    return _keep(shop, parent, variation, before)


def get(shop: ShopState, parent_id: int, wc_id: int) -> JsonObject:
    return _own(shop, parent_id, wc_id)


def delete(shop: ShopState, parent_id: int, wc_id: int, *, force: bool) -> JsonObject:
    """The variation before it was trashed or deleted."""
    variation = _own(shop, parent_id, wc_id)
    before = written(shop, variation)
    if force:
        remove(shop, variation)
    elif variation["status"] == "trash":
        raise ApiError(410, "woocommerce_rest_already_trashed", "The Variation has already been deleted.")
    else:
        trash(shop, variation)
    refresh_parent(shop, parent_id)
    return before


def trash(shop: ShopState, variation: JsonObject) -> None:
    shop.products[variation["id"]] = variation | {"status": "trash"} | shop.dates("date_modified", shop.now())


def remove(shop: ShopState, variation: JsonObject) -> None:
    del shop.products[variation["id"]]
    shop.children[variation["parent_id"]].remove(variation["id"])
    release_sku(shop, variation)


def of_parent(shop: ShopState, parent_id: int) -> Rows:
    return [shop.products[one] for one in shop.children.get(parent_id, ()) if one in shop.products]


def refresh_parent(shop: ShopState, parent_id: int) -> None:
    """Price, sale and stock of a variable product follow from its variations."""
    parent = shop.products.get(parent_id)
    if parent is not None and parent["type"] == "variable":
        shop.products[parent_id] = parent | derived(shop, parent)


def derived(shop: ShopState, parent: JsonObject) -> JsonObject:
    children = [row for row in of_parent(shop, parent["id"]) if row["status"] in LISTED]
    seen = [row for row in children if row["status"] == "publish" and row["price"] != ""]
    prices = [Decimal(row["price"]) for row in seen]
    price = seen[prices.index(min(prices))]["price"] if seen else ""
    values: JsonObject = {
        "variations": [row["id"] for row in sorted(children, key=lambda row: (row["menu_order"], row["id"]))],
        "price": price,
        "on_sale": any(row["on_sale"] for row in seen),
        "purchasable": price != "",
    }
    if not parent["manage_stock"]:
        statuses = {row["stock_status"] for row in children}
        values["stock_status"] = next((one for one in ("instock", "onbackorder") if one in statuses), "outofstock")
    return values


def follow_parent_stock(shop: ShopState, parent: JsonObject) -> None:
    """Variations without stock of their own take the status of a parent that manages it, and keep it afterwards."""
    if parent["manage_stock"]:
        for row in of_parent(shop, parent["id"]):
            if not row["manage_stock"]:
                shop.products[row["id"]] = row | {"stock_status": parent["stock_status"]}


def listed(shop: ShopState, parent_id: int, query: PhpQuery) -> Rows:
    return _listed(shop, query, of_parent(shop, parent_id))


def listed_of_all(shop: ShopState, query: PhpQuery) -> Rows:
    return _listed(shop, query, [shop.products[one] for several in shop.children.values() for one in several])


def _listed(shop: ShopState, query: PhpQuery, rows: Rows) -> Rows:
    rows = of_status(query, rows)
    if query.get("sku"):
        rows = [row for row in rows if row["sku"] and matches_sku(query, row)]
    if listed_texts(query, "include"):
        ids = set(listed_texts(query, "include"))
        rows = [row for row in rows if str(row["id"]) in ids]
    return ordered(query, within_dates(shop, query, rows, loses_fractions=False), KEYS, "desc")


def shown(shop: ShopState, variation: JsonObject, context: str = "view") -> JsonObject:
    """A variation as its own route shows it."""
    seen = _with_parent(shop, variation)
    seen["name"] = _options(variation)
    seen["description"] = texts.paragraphs(seen["description"])
    return {name: value for name, value in seen.items() if name not in NOT_PRODUCT_FIELDS}


def shown_as_product(shop: ShopState, variation: JsonObject) -> JsonObject:
    """A variation as `/products/{id}` and lists by SKU show it."""
    seen = _with_parent(shop, variation)
    parent = shop.products.get(variation["parent_id"], {})
    options = _options(variation)
    seen["name"] = f"{parent.get('name', '')} - {options}" if options else parent.get("name", "")
    seen["slug"] = slug_of(seen["name"])
    seen["description"] = texts.paragraphs(seen["description"])
    seen["images"] = [image] if (image := seen.pop("image", None)) else []
    seen.pop("gallery_image_ids", None)
    return seen


def written(shop: ShopState, variation: JsonObject) -> JsonObject:
    """A variation as a write answers it: with the tax class that it has itself."""
    return shown(shop, variation) | {"tax_class": variation["tax_class"]}


def _with_parent(shop: ShopState, variation: JsonObject) -> JsonObject:
    parent = shop.products.get(variation["parent_id"], {})
    seen = dict(variation)
    seen["sku"] = variation["sku"] or parent.get("sku", "")
    if variation["tax_class"] == "parent":
        seen["tax_class"] = parent.get("tax_class", "")
    if not variation["manage_stock"] and parent.get("manage_stock"):
        names = ("stock_quantity", "stock_status", "backorders")
        seen |= {"manage_stock": "parent", **{name: parent[name] for name in names}}
    return seen


def _options(variation: JsonObject) -> str:
    return ", ".join(one["option"] for one in variation["attributes"])


def _parent(shop: ShopState, parent_id: int) -> JsonObject:
    if parent_id not in shop.products:
        raise _unknown()
    return shop.products[parent_id]


def _own(shop: ShopState, parent_id: int, wc_id: int) -> JsonObject:
    variation = shop.products.get(wc_id)
    if variation is None or variation["type"] != "variation" or variation["parent_id"] != parent_id:
        raise _unknown()
    return variation


def _unknown() -> ApiError:
    return ApiError(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")


def _changed(shop: ShopState, parent: JsonObject, variation: JsonObject, payload: JsonObject) -> JsonObject:
    if "sku" in payload:
        variation["sku"] = free_sku(shop, variation["id"], texts.plain(str(payload["sku"] or "")))
    if "description" in payload:
        variation["description"] = texts.rich(str(payload["description"] or ""))
    if payload.get("status") in STATUSES:
        variation["status"] = payload["status"]
    set_prices(shop, variation, payload)
    _set_stock(parent, variation, payload)
    if "weight" in payload:
        variation["weight"] = decimal_text(payload["weight"])
    if "tax_class" in payload:
        variation["tax_class"] = "parent" if payload["tax_class"] == "parent" else tax_class(payload["tax_class"])
    if "menu_order" in payload:
        variation["menu_order"] = pieces(payload["menu_order"])
    if "image" in payload:
        variation["image"] = parts.image_of(shop, payload["image"]) if payload["image"] else None
    if "attributes" in payload:
        variation["attributes"] = _attributes(shop, parent, payload["attributes"] or [])
    return variation


def _set_stock(parent: JsonObject, variation: JsonObject, payload: JsonObject) -> None:
    if "backorders" in payload:
        variation["backorders"] = payload["backorders"]
    if "manage_stock" in payload:
        variation["manage_stock"] = is_true(payload["manage_stock"])
    if variation["manage_stock"]:
        set_quantity(variation, payload)
    elif parent["manage_stock"]:  # the number is kept and not used
        if "stock_quantity" in payload:
            variation["stock_quantity"] = pieces(payload["stock_quantity"])
        variation["stock_status"] = parent["stock_status"]
    else:
        variation["stock_quantity"] = None
        variation["stock_status"] = payload.get("stock_status", variation["stock_status"])


def _attributes(shop: ShopState, parent: JsonObject, wanted: list[JsonObject]) -> list[JsonObject]:
    # Only attributes of the parent count; one that is left out means any option.
    chosen = []
    for held in parent["attributes"]:
        for one in wanted:
            is_it = (
                one["id"] == held["id"] if one.get("id") else one.get("name", "").casefold() == held["name"].casefold()
            )
            if is_it and held["variation"] and one.get("option"):
                option = str(one["option"])
                known = option in held["options"] or not held["id"]
                slug = held["slug"] if held["id"] else slug_of(held["name"])
                chosen.append(
                    {
                        "id": held["id"],
                        "name": held["name"],
                        "slug": slug,
                        "option": option if known else slug_of(option),
                    }
                )
    return chosen


def _keep(shop: ShopState, parent: JsonObject, variation: JsonObject, before: JsonObject | None) -> JsonObject:
    price, sale = variation["regular_price"], variation["sale_price"]
    is_on = number_of(sale) is not None and shop.is_within(
        variation["date_on_sale_from_gmt"], variation["date_on_sale_to_gmt"]
    )
    variation |= {"on_sale": is_on, "price": sale if is_on else price}
    variation["purchasable"] = variation["price"] != "" and variation["status"] == "publish"
    variation["backorders_allowed"] = variation["backorders"] != "no"
    variation["backordered"] = variation["stock_status"] == "onbackorder"
    variation["permalink"] = parent["permalink"]
    variation["_links"] = shop.links(f"/products/{parent['id']}/variations", variation["id"])
    keep_sku(shop, variation, before)
    shop.products[variation["id"]] = variation
    if before is None:
        shop.children.setdefault(parent["id"], []).append(variation["id"])
    shop.products[parent["id"]] = parent | shop.dates("date_modified", shop.now())
    refresh_parent(shop, parent["id"])
    return written(shop, variation)

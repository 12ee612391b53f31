"""Lists inside a product of the fake shop: categories, tags, images, attributes, meta data. Each replaces the stored one."""

from __future__ import annotations

from typing import Any

from tests.fakes.woocommerce.catalogue import texts
from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import UNCATEGORIZED, JsonObject, ShopState, slug_of

INTERNAL_KEYS = (
    "_price",
    "_regular_price",
    "_sale_price",
    "_sku",
    "_stock",
    "_stock_status",
)  # not to be written as meta data


def set_parts(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    if "categories" in payload or not product["categories"]:
        product["categories"] = _categories(shop, payload.get("categories") or [])
    if "tags" in payload:
        product["tags"] = [_tag(shop, tag) for tag in payload["tags"]]
    if "images" in payload:
        product["images"] = [image_of(shop, image) for image in payload["images"] or []]
    if "attributes" in payload:
        product["attributes"] = [
            _attribute(shop, one) for one in payload["attributes"] if not one.get("id") or one["id"] in shop.attributes
        ]
    for entry in payload.get("meta_data", ()):
        product["meta_data"] = _with_meta(shop, product["meta_data"], entry)


def _categories(shop: ShopState, wanted: list[JsonObject]) -> list[JsonObject]:
    ids = [int(entry["id"]) for entry in wanted if str(entry.get("id", "")).isdecimal()]
    known = [shop.categories[one] for one in ids if one in shop.categories]
    chosen = known or [shop.categories[UNCATEGORIZED]]
    return [{"id": one["id"], "name": one["name"], "slug": one["slug"]} for one in chosen]


def _tag(shop: ShopState, tag: JsonObject) -> JsonObject:
    name = texts.term_name(str(tag.get("name", "")))
    return {"id": tag.get("id") or shop.new_term_id(), "name": name, "slug": slug_of(name)}


def image_of(shop: ShopState, image: JsonObject) -> JsonObject:
    """A picture of the shop, downloaded if it is an address. Raises ApiError, and then nothing of the product is written."""
    if image.get("id"):
        if image["id"] not in shop.images:
            message = f"#{image['id']} is an invalid image ID."
            raise ApiError(400, "woocommerce_product_invalid_image_id", message)
        return shop.images[image["id"]]
    source = str(image.get("src", ""))
    for part, why in shop.settings.broken_images:
        if part in source:
            message = why if why.startswith("Invalid") else f"Error getting remote image {source}. Error: {why}"
            raise ApiError(400, "woocommerce_product_image_upload_error", message)
    now = shop.now()
    # The real shop applies the zone's offset twice to local dates.
    twice = shop.local(now + (now.astimezone(shop.zone).utcoffset() or now - now))
    gmt = shop.dates("date_created", now)["date_created_gmt"]
    own = f"{shop.settings.home}/wp-content/uploads/{now:%Y/%m}/{_free_file(shop, source)}"
    kept = {
        "id": shop.new_post_id(),
        "date_created": twice,
        "date_created_gmt": gmt,
        "date_modified": twice,
        "date_modified_gmt": gmt,
        "src": own,
        "name": str(image.get("name", own.rsplit("/", 1)[-1])),
        "alt": texts.plain(str(image.get("alt", ""))),
        "srcset": "",
        "sizes": "(max-width: 32px) 100vw, 32px",
        "thumbnail": own,
    }
    shop.images[kept["id"]] = kept
    return kept


def _free_file(shop: ShopState, source: str) -> str:
    stem, dot, ending = source.partition("?")[0].rsplit("/", 1)[-1].rpartition(".")
    free, suffix = f"{stem}{dot}{ending}", 1
    while free in shop.uploads:
        free, suffix = f"{stem}-{suffix}{dot}{ending}", suffix + 1
    shop.uploads.add(free)
    return free


def _attribute(shop: ShopState, attribute: JsonObject) -> JsonObject:
    known = shop.attributes.get(attribute.get("id", 0))
    name = known["name"] if known else texts.plain(str(attribute.get("name", "")))
    options = [part.strip() for option in attribute.get("options", []) for part in str(option).split("|")]
    return {
        "id": known["id"] if known else 0,
        "name": name,
        "slug": known["slug"] if known else name,
        "position": attribute.get("position", 0),
        "visible": attribute.get("visible", False),
        "variation": attribute.get("variation", False),
        "options": sorted(options) if known else options,
    }


def _with_meta(shop: ShopState, held: list[JsonObject], entry: JsonObject) -> list[JsonObject]:
    value: Any = entry.get("value")
    value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    key = str(entry.get("key", ""))
    if key in INTERNAL_KEYS:
        return held
    if value is None:
        return [one for one in held if one["key"] != key]
    if any(one["key"] == key for one in held):
        return [one | {"value": value} if one["key"] == key else one for one in held]
    return [*held, {"id": shop.new_meta_id(), "key": key, "value": value}]

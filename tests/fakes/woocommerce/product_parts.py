"""Lists inside a product of the fake shop: categories, tags, images, attributes, meta data. Each replaces the stored one."""

from __future__ import annotations

from typing import Any

from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import UNCATEGORIZED, JsonObject, ShopState, slug_of


def set_parts(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    if "categories" in payload or not product["categories"]:
        product["categories"] = _categories(shop, payload.get("categories") or [])
    if "tags" in payload:
        product["tags"] = [_tag(shop, tag) for tag in payload["tags"]]
    if "images" in payload:
        product["images"] = [_image(shop, image) for image in payload["images"] or []]
    if "attributes" in payload:
        product["attributes"] = [_attribute(attribute) for attribute in payload["attributes"]]
    for entry in payload.get("meta_data", ()):
        product["meta_data"] = _with_meta(shop, product["meta_data"], entry)


def _categories(shop: ShopState, wanted: list[JsonObject]) -> list[JsonObject]:
    known = [shop.categories[entry["id"]] for entry in wanted if entry.get("id") in shop.categories]
    chosen = known or [shop.categories[UNCATEGORIZED]]
    return [{"id": one["id"], "name": one["name"], "slug": one["slug"]} for one in chosen]


def _tag(shop: ShopState, tag: JsonObject) -> JsonObject:
    name = str(tag.get("name", ""))
    return {"id": tag.get("id") or shop.new_term_id(), "name": name, "slug": slug_of(name)}


def _image(shop: ShopState, image: JsonObject) -> JsonObject:
    # The real shop applies the zone's offset twice to local dates.
    if image.get("id"):
        if image["id"] not in shop.images:
            message = f"#{image['id']} is an invalid image ID."
            raise ApiError(400, "woocommerce_product_invalid_image_id", message)
        return shop.images[image["id"]]
    source = str(image.get("src", ""))
    for part, why in shop.settings.broken_images:
        if part in source:
            message = f"Error getting remote image {source}. Error: {why}"
            raise ApiError(400, "woocommerce_product_image_upload_error", message)
    now = shop.now()
    twice = shop.local(now + (now.astimezone(shop.zone).utcoffset() or now - now))
    gmt = shop.dates("date_created", now)["date_created_gmt"]
    own = f"{shop.settings.home}/wp-content/uploads/{now:%Y/%m}/{source.rsplit('/', 1)[-1]}"
    kept = {
        "id": shop.new_post_id(),
        "date_created": twice,
        "date_created_gmt": gmt,
        "date_modified": twice,
        "date_modified_gmt": gmt,
        "src": own,
        "name": str(image.get("name", own.rsplit("/", 1)[-1])),
        "alt": str(image.get("alt", "")),
        "srcset": "",
        "sizes": "(max-width: 32px) 100vw, 32px",
        "thumbnail": own,
    }
    shop.images[kept["id"]] = kept
    return kept


def _attribute(attribute: JsonObject) -> JsonObject:
    name = str(attribute.get("name", ""))
    return {
        "id": attribute.get("id", 0),
        "name": name,
        "slug": name,
        "position": attribute.get("position", 0),
        "visible": attribute.get("visible", False),
        "variation": attribute.get("variation", False),
        "options": attribute.get("options", []),
    }


def _with_meta(shop: ShopState, held: list[JsonObject], entry: JsonObject) -> list[JsonObject]:
    value: Any = entry.get("value")
    value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    key = str(entry.get("key", ""))
    if any(one["key"] == key for one in held):
        return [one | {"value": value} if one["key"] == key else one for one in held]
    return [*held, {"id": shop.new_meta_id(), "key": key, "value": value}]

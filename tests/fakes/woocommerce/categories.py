"""Product categories of the fake shop."""

from __future__ import annotations

import html
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.errors import ApiError, missing_params
from tests.fakes.woocommerce.lists import Rows, ordered
from tests.fakes.woocommerce.state import UNCATEGORIZED, JsonObject, ShopState, escaped, slug_of

PATH = "/products/categories"


def add_default(shop: ShopState) -> None:
    create(shop, {"name": "Uncategorized"})


def create(shop: ShopState, payload: JsonObject) -> JsonObject:
    if "name" not in payload:
        raise missing_params("name")
    name, parent = escaped(str(payload["name"])).strip(), int(payload.get("parent") or 0)
    if not name:
        raise ApiError(400, "empty_term_name", "A name is required for this term.")
    if parent and parent not in shop.categories:
        raise ApiError(400, "missing_parent", "Parent term does not exist.")
    _refuse_double(shop, name, parent)
    wc_id = shop.new_term_id()
    category = {
        "id": wc_id,
        "name": name,
        "slug": _free_slug(shop, str(payload.get("slug") or slug_of(html.unescape(name))), parent),
        "parent": parent,
        "description": str(payload.get("description", "")),
        "display": payload.get("display", "default"),
        "image": None,
        "menu_order": int(payload.get("menu_order", 0)),
        "count": 0,
        "_links": _links(shop, wc_id, parent),
    }
    shop.categories[wc_id] = category
    return category


def _links(shop: ShopState, wc_id: int, parent: int) -> JsonObject:
    up = {"up": [{"href": shop.url(f"{PATH}/{parent}")}]} if parent else {}
    return shop.links(PATH, wc_id) | up


def _refuse_double(shop: ShopState, name: str, parent: int) -> None:
    # Names are unique per parent, regardless of case.
    for other in shop.categories.values():
        if other["parent"] == parent and other["name"].casefold() == name.casefold():
            message = "A term with the name provided already exists with this parent."
            raise ApiError(400, "term_exists", message, resource_id=other["id"])


def _free_slug(shop: ShopState, slug: str, parent: int) -> str:
    taken = {category["slug"] for category in shop.categories.values()}
    if slug in taken and parent:
        slug = f"{slug}-{shop.categories[parent]['slug']}"
    free, suffix = slug, 2
    while free in taken:
        free, suffix = f"{slug}-{suffix}", suffix + 1
    return free


def get(shop: ShopState, wc_id: int) -> JsonObject:
    if wc_id not in shop.categories:
        raise ApiError(404, "woocommerce_rest_term_invalid", "Resource does not exist.")
    return shop.categories[wc_id]


def update(shop: ShopState, wc_id: int, payload: JsonObject) -> JsonObject:
    category = get(shop, wc_id)
    fields: dict[str, Any] = {
        name: payload[name] for name in ("description", "display", "menu_order") if name in payload
    }
    if "name" in payload:
        fields["name"] = escaped(str(payload["name"]))
    if "parent" in payload:
        fields["parent"] = int(payload["parent"] or 0)
    changed = category | fields
    changed["_links"] = _links(shop, wc_id, changed["parent"])
    shop.categories[wc_id] = changed
    return changed


def delete(shop: ShopState, wc_id: int, *, force: bool) -> JsonObject:
    if not force:
        raise ApiError(501, "woocommerce_rest_trash_not_supported", "Resource does not support trashing.")
    category = get(shop, wc_id)
    if wc_id == UNCATEGORIZED:
        raise ApiError(500, "woocommerce_rest_cannot_delete", "Default product category cannot be deleted.")
    del shop.categories[wc_id]
    bare = {name: [{"href": link[0]["href"]}] for name, link in category["_links"].items()}
    return category | {"_links": bare}


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    """The categories by name; there are no date filters."""
    rows = list(shop.categories.values())
    if query.get("slug"):
        rows = [row for row in rows if row["slug"] == query["slug"]]
    if query.get("parent"):
        rows = [row for row in rows if str(row["parent"]) == query["parent"]]
    if query.get("search"):
        rows = [row for row in rows if str(query["search"]).casefold() in row["name"].casefold()]
    keys = {
        "id": lambda row: row["id"],
        "include": lambda row: row["id"],
        "name": lambda row: html.unescape(row["name"]).casefold(),
        "slug": lambda row: row["slug"],
        "term_group": lambda row: 0,
        "description": lambda row: row["description"],
        "count": lambda row: row["count"],
    }
    return ordered(query, rows, keys, "asc")

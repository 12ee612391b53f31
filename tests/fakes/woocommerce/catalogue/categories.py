"""Product categories of the fake shop."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.catalogue.texts import plain, rich, term_name
from tests.fakes.woocommerce.errors import ApiError, BareError, missing_params
from tests.fakes.woocommerce.lists import Rows, ordered, texts
from tests.fakes.woocommerce.state import UNCATEGORIZED, JsonObject, ShopState, slug_of

PATH = "/products/categories"
LONGEST_NAME = 200


def add_default(shop: ShopState) -> None:
    create(shop, {"name": "Uncategorized"})


def create(shop: ShopState, payload: JsonObject) -> JsonObject:
    if "name" not in payload:
        raise missing_params("name")
    name, parent = _name(str(payload["name"])), int(payload.get("parent") or 0)
    if parent and parent not in shop.categories:
        raise ApiError(400, "missing_parent", "Parent term does not exist.")
    _refuse_double(shop, name, parent)
    wc_id = shop.new_term_id()
    category = {
        "id": wc_id,
        "name": name,
        "slug": _free_slug(
            shop, str(payload.get("slug") or slug_of(plain(str(payload["name"]).replace("\\", "")))), parent
        ),
        "parent": parent,
        "description": rich(str(payload.get("description", ""))),
        "display": payload.get("display", "default"),
        "image": None,
        "menu_order": int(payload.get("menu_order", 0)),
        "count": 0,
        "_links": _links(shop, wc_id, parent),
    }
    shop.categories[wc_id] = category
    return category


def _name(given: str) -> str:
    name = term_name(given)
    if not name:
        empty = ApiError(400, "empty_term_name", "A name is required for this term.")
        raise ApiError(400, "invalid_term_name", "Invalid term name.") if given.strip() else empty
    if len(name) > LONGEST_NAME:
        raise ApiError(400, "db_insert_error", "Could not insert term into the database.")
    return name


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
    if not wc_id:  # an item of a batch that names no id
        raise BareError(400, "invalid_taxonomy", "Invalid taxonomy.")
    category = get(shop, wc_id)
    fields: dict[str, Any] = {name: payload[name] for name in ("display", "menu_order") if name in payload}
    if "description" in payload:
        fields["description"] = rich(str(payload["description"]))
    if "name" in payload:
        fields["name"] = _name(str(payload["name"]))
    if "parent" in payload:
        fields["parent"] = _parent_without_ring(shop, wc_id, int(payload["parent"] or 0))
    if payload.get("slug"):
        fields["slug"] = slug_of(payload["slug"])
        if any(one["slug"] == fields["slug"] for one in shop.categories.values() if one["id"] != wc_id):
            message = f"The slug &#8220;{fields['slug']}&#8221; is already in use by another term."
            raise BareError(500, "duplicate_term_slug", message)
    changed = category | fields
    changed["_links"] = _links(shop, wc_id, changed["parent"])
    shop.categories[wc_id] = changed
    return changed


def _parent_without_ring(shop: ShopState, wc_id: int, parent: int) -> int:
    above = parent
    while above:
        if above == wc_id:  # WordPress moves the one that would close the ring to the top
            return 0
        above = shop.categories[above]["parent"] if above in shop.categories else 0
    return parent


def delete(shop: ShopState, wc_id: int, *, force: bool) -> JsonObject:
    if not force:
        raise ApiError(501, "woocommerce_rest_trash_not_supported", "Resource does not support trashing.")
    category = get(shop, wc_id)
    if wc_id == UNCATEGORIZED:
        raise ApiError(500, "woocommerce_rest_cannot_delete", "Default product category cannot be deleted.")
    del shop.categories[wc_id]
    for child in [one for one in shop.categories.values() if one["parent"] == wc_id]:
        shop.categories[child["id"]] = child | {"parent": category["parent"]}
    for product in shop.products.values():
        if any(one["id"] == wc_id for one in product.get("categories", ())):
            product["categories"] = [one for one in product["categories"] if one["id"] != wc_id]
    bare = {name: [{"href": link[0]["href"]}] for name, link in category["_links"].items()}
    return category | {"_links": bare}


def _counts(shop: ShopState) -> Counter[int]:
    published = [one for one in shop.products.values() if one["status"] == "publish"]
    return Counter(one["id"] for product in published for one in product.get("categories", ()))


def _below(shop: ShopState, wc_id: int) -> set[int]:
    return {int(one) for one in with_descendants(shop, {str(wc_id)})}


def with_descendants(shop: ShopState, ids: set[str]) -> set[str]:
    """The ids of categories and of all below them, as text."""
    while more := {str(one["id"]) for one in shop.categories.values() if str(one["parent"]) in ids} - ids:
        ids = ids | more
    return ids


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    """The categories by name; there are no date filters."""
    counts = _counts(shop) if query.get("hide_empty") == "true" or query.get("orderby") == "count" else Counter()
    rows = list(shop.categories.values())
    if query.get("slug"):
        rows = [row for row in rows if row["slug"] == query["slug"]]
    if texts(query, "include"):
        rows = [row for row in rows if str(row["id"]) in texts(query, "include")]
    if query.get("hide_empty") == "true":
        rows = [row for row in rows if counts[row["id"]] or any(counts[one] for one in _below(shop, row["id"]))]
    if query.get("parent"):
        rows = [row for row in rows if str(row["parent"]) == query["parent"]]
    if query.get("search") not in (
        None,
        "",
        "0",
    ):  # compared with the stored name, whose special characters are escaped
        text = str(query["search"]).strip().casefold()
        rows = [row for row in rows if re.sub(r"\s+", " ", text) in row["name"].casefold()]
    keys = {
        "id": lambda row: row["id"],
        "include": lambda row: row["id"],
        "name": lambda row: html.unescape(row["name"]).casefold(),
        "slug": lambda row: row["slug"],
        "term_group": lambda row: 0,
        "description": lambda row: row["description"],
        "count": lambda row: counts[row["id"]],
    }
    return ordered(query, rows, keys, "asc")

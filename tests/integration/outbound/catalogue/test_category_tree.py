"""The ERP's tree of categories in the shop: parents first, moved and renamed in place, adopted by path."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.fakes.woocommerce import FakeWooCommerce
from tests.fakes.woocommerce.catalogue import categories as shop_categories
from tests.support.outbound import make_erp_product, push, put_categories, put_products, statuses
from workers.core.runtime import Runtime
from workers.outbound.planning.preview import preview_categories

DEPTH = 70


def category(name: str, parent: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"category_id": str(uuid4()), "name": name, "parent_id": parent and parent["category_id"]}


def paths(shop: FakeWooCommerce) -> dict[str, int]:
    """The id of each category of the shop by its path."""
    found = shop.state.categories

    def path(one: dict[str, Any]) -> str:
        return f"{path(found[one['parent']])} > {one['name']}" if one["parent"] else one["name"]

    return {path(one): one["id"] for one in found.values() if one["name"] != "Uncategorized"}


def failures(root_conn: Connection, store_id: UUID) -> dict[str, str]:
    query = "SELECT category_id, error_code FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    return {str(row[0]): row[1] for row in root_conn.execute(query, (store_id,)).fetchall()}


def test_categories_adopt_by_path_and_move_in_place(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    with connected_shop.state.lock:
        by_hand = [shop_categories.create(connected_shop.state, {"name": name}) for name in ("Shoes", "Men")]
        men_shoes = shop_categories.create(connected_shop.state, {"name": "shoes", "parent": by_hand[1]["id"]})
    men, women = category("Men"), category("Women")
    shoes, other = category("Shoes", men), category("Shoes", women)
    boots = category("Boots", other)
    put_categories(pushing, store_id, [boots, other, shoes, women, men])
    put_products(pushing, store_id, [make_erp_product(sku="BOOT", category_ids=[boots["category_id"]])])
    push(pushing, store_id)
    before = paths(connected_shop)
    assert set(before) == {"Shoes", "Men", "Men > Shoes", "Women", "Women > Shoes", "Women > Shoes > Boots"}
    assert (before["Men"], before["Men > Shoes"]) == (by_hand[1]["id"], men_shoes["id"])
    boot = connected_shop.product_of("BOOT")
    assert boot is not None and [one["id"] for one in boot["categories"]] == [before["Women > Shoes > Boots"]]
    put_categories(pushing, store_id, [boots | {"name": "Winter boots", "parent_id": shoes["category_id"]}])
    push(pushing, store_id)
    after = paths(connected_shop)
    assert after.pop("Men > Shoes > Winter boots") == before.pop("Women > Shoes > Boots")
    assert after == before
    assert set(statuses(root_conn, store_id)) == {"completed"}


def test_a_dry_run_finds_what_would_be_adopted_by_its_path(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    with connected_shop.state.lock:
        by_hand = [shop_categories.create(connected_shop.state, {"name": name}) for name in ("Shoes", "Men & boys")]
        nested = shop_categories.create(connected_shop.state, {"name": "shoes", "parent": by_hand[1]["id"]})
    men, women = category("Men & boys"), category("Women")
    put_categories(pushing, store_id, [men, women, category("Shoes", men), category("Shoes", women)])
    found = preview_categories(pushing.settings, pushing.pool, store_id)
    assert {(one.label, one.action, one.wc_id) for one in found} == {
        ("Men & boys", "none", by_hand[1]["id"]),
        ("Women", "create", None),
        ("Shoes", "update", nested["id"]),
        ("Shoes", "create", None),
    }


def test_a_deep_tree_arrives_whole_from_its_deepest_leaf(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    tree = [category("1")]
    for number in range(2, DEPTH + 1):
        tree.append(category(str(number), tree[-1]))
    put_categories(pushing, store_id, tree[::-1])
    push(pushing, store_id)
    assert " > ".join(str(number) for number in range(1, DEPTH + 1)) in paths(connected_shop)
    assert len(paths(connected_shop)) == DEPTH


def test_a_parent_and_its_child_change_places(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    upper = category("Upper")
    lower = category("Lower", upper)
    put_categories(pushing, store_id, [upper, lower])
    push(pushing, store_id)
    before = paths(connected_shop)
    put_categories(pushing, store_id, [upper | {"parent_id": lower["category_id"]}, lower | {"parent_id": None}])
    push(pushing, store_id)
    assert paths(connected_shop) == {"Lower": before["Upper > Lower"], "Lower > Upper": before["Upper"]}


@pytest.mark.parametrize("is_below", [False, True])
def test_a_new_category_takes_the_name_of_one_that_gives_it_up(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce, is_below: bool
) -> None:
    old = category("Shoes")
    put_categories(pushing, store_id, [old])
    push(pushing, store_id)
    wc_id = paths(connected_shop)["Shoes"]
    new = category("Shoes")
    changed = {"parent_id": new["category_id"]} if is_below else {"name": "Boots"}
    put_categories(pushing, store_id, [new, old | changed])
    push(pushing, store_id)
    found = paths(connected_shop)
    assert found.pop("Shoes > Shoes" if is_below else "Boots") == wc_id
    assert set(found) == {"Shoes"}


def test_a_loop_of_parents_is_refused_until_the_erp_opens_it(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    first = category("First")
    second, fine = category("Second", first), category("Fine")
    first["parent_id"] = second["category_id"]
    put_categories(pushing, store_id, [first, second, fine])
    put_products(pushing, store_id, [make_erp_product(sku="IN-LOOP", category_ids=[second["category_id"]])])
    push(pushing, store_id)
    assert set(paths(connected_shop)) == {"Fine"}
    assert failures(root_conn, store_id) == dict.fromkeys(
        (first["category_id"], second["category_id"]), "CATEGORY_LOOP"
    )
    query = "SELECT error_message FROM wc_sync_items WHERE store_id = %s AND category_id = %s"
    [reason] = root_conn.execute(query, (store_id, first["category_id"])).fetchone() or [None]
    assert reason == "The parents of this category form a loop: Second > First."
    put_categories(pushing, store_id, [first | {"parent_id": None}])
    push(pushing, store_id)
    assert set(paths(connected_shop)) == {"Fine", "First", "First > Second"}
    product = connected_shop.product_of("IN-LOOP")
    assert product is not None and [one["name"] for one in product["categories"]] == ["Second"]


def test_a_child_without_its_parent_waits_and_adopts_nothing_at_the_top(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    with connected_shop.state.lock:
        top = shop_categories.create(connected_shop.state, {"name": "Shoes"})
    women = category("Women")
    shoes = category("Shoes", women)
    put_categories(pushing, store_id, [shoes])
    push(pushing, store_id)
    assert paths(connected_shop) == {"Shoes": top["id"]}
    assert failures(root_conn, store_id) == {shoes["category_id"]: "CATEGORY_PARENT_UNKNOWN"}
    put_categories(pushing, store_id, [women])
    push(pushing, store_id)
    assert set(paths(connected_shop)) == {"Shoes", "Women", "Women > Shoes"}
    assert paths(connected_shop)["Shoes"] == top["id"]


def test_two_categories_of_one_name_and_parent_are_not_merged(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    one, other = category("Shoes"), category("shoes")
    put_categories(pushing, store_id, [one])
    push(pushing, store_id)
    put_categories(pushing, store_id, [other])
    push(pushing, store_id)
    assert failures(root_conn, store_id) == {other["category_id"]: "CATEGORY_DUPLICATE"}

"""What the ERP states is compared with what the shop has now, by whatever path it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.mappings import MappingView, get_mapping
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import (
    ask,
    hurried,
    make_erp_product,
    push,
    put_categories,
    put_products,
    statuses,
)
from workers.core.runtime import Runtime
from workers.outbound.intake.events import read_event, take_events
from workers.outbound.planning.preview import preview_products
from workers.outbound.runs import start_full, start_one

Ask = Callable[[Runtime, UUID, dict[str, Any]], None]


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


def edit(shop: FakeWooCommerce, sku: str, **fields: Any) -> None:
    """A hand in the shop, or a sale."""
    with shop.state.lock:
        product = shop.product_of(sku)
        assert product is not None
        shop.state.products[product["id"]] = product | fields


def mapping_of(conn: Connection, store_id: UUID, product: dict[str, Any]) -> MappingView:
    with tenant(conn, store_id):
        found = get_mapping(conn, store_id, UUID(product["product_id"]))
    assert found is not None
    return found


def event(name: str) -> Ask:
    def say(runtime: Runtime, store_id: UUID, product: dict[str, Any]) -> None:
        found = read_event(name, {"productId": product["product_id"]}, store_id)
        assert not isinstance(found, str)
        take_events(runtime.pool, runtime.wake_up, [found], "test")

    return say


def one(sync_type: str, *, force: bool = False) -> Ask:
    def start(runtime: Runtime, store_id: UUID, product: dict[str, Any]) -> None:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            start_one(conn, store_id, UUID(product["product_id"]), sync_type, "test", force=force)

    return start


def everything(runtime: Runtime, store_id: UUID, _product: dict[str, Any]) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        start_full(conn, store_id, "test", force=False)


def same_put(runtime: Runtime, store_id: UUID, product: dict[str, Any]) -> None:
    put_products(runtime, store_id, [product])


PATHS: dict[str, Ask] = {
    "the same PUT": same_put,
    "stock event": event("inventory.stock_changed"),
    "product event": event("product.updated"),
    "sync/stock": one("stock"),
    "sync/product": one("product"),
    "forced": one("stock", force=True),
    "full sync": everything,
}


@pytest.mark.parametrize("path", list(PATHS))
def test_sold_pieces_are_counted_anew_by_each_statement(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce, path: str
) -> None:
    product = make_erp_product(stock_quantity=30)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    edit(shop, product["sku"], stock_quantity=27)
    PATHS[path](pushing, store_id, product)
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None and found["stock_quantity"] == 30
    assert set(statuses(root_conn, store_id)) == {"completed"}
    assert mapping_of(conn, store_id, product).in_sync


@pytest.mark.parametrize("name", ["<b></b>", "<i>0</i>", "<script>x</script>"])
def test_a_name_that_the_shop_would_replace_is_refused(
    pushing: Runtime, store_id: UUID, shop: FakeWooCommerce, name: str
) -> None:
    taken = put_products(pushing, store_id, [make_erp_product(name=name)])
    assert [(problem.field, problem.code) for one in taken.refused for problem in one.problems] == [
        ("name", "empty_in_shop")
    ]


def test_a_stale_statement_is_not_compared(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product(stock_quantity=30, version=5)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    edit(shop, product["sku"], stock_quantity=27)
    taken = put_products(pushing, store_id, [product | {"version": 4}])
    assert (taken.items, taken.counts["stale"]) == (0, 1)


def test_only_what_differs_is_written(pushing: Runtime, store_id: UUID, shop: FakeWooCommerce) -> None:
    products = [make_erp_product() for _ in range(120)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    before = shop.calls.copy()
    edit(shop, products[5]["sku"], name="By hand")
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    assert shop.calls - before == {"GET /products": 2, "POST /products/batch": 1}
    found = shop.product_of(products[5]["sku"])
    assert found is not None and found["name"] == "Blue Widget"


def test_a_price_by_hand_is_weighed_before_it_is_replaced(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product(regular_price="20")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    edit(shop, product["sku"], regular_price="25")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["20"]
    edit(shop, product["sku"], regular_price="2500")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["2500"]
    assert statuses(root_conn, store_id) == {"completed": 2, "needs_approval": 1}


def test_a_held_price_is_shown_anew_when_the_shop_changes_it(
    pushing: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """Another item of the product reads it meanwhile: an approval must not cover what nobody saw."""
    product = make_erp_product(regular_price="20")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "2000"}])
    push(pushing, store_id)
    edit(shop, product["sku"], regular_price="7", stock_quantity=3)
    ask(pushing, store_id, product["product_id"], "stock")
    push(pushing, store_id)
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 9) if one.status == "needs_approval"]
        assert hold.preview is not None
        assert hold.preview["changes"][0]["regularPrice"] == ["7", "2000"]
    found = shop.product_of(product["sku"])
    assert found is not None and (found["regular_price"], found["stock_quantity"]) == ("7", 7)
    assert statuses(root_conn, store_id) == {"completed": 2, "needs_approval": 2}


def test_a_shop_that_never_rests_fails_the_item_in_the_end(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """A plugin sets another price at each moment: brakes can't weigh what is there when it is sent."""
    product = make_erp_product(regular_price="20")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    prices = iter(range(21, 100))

    def reprice(endpoint: str) -> None:
        if endpoint == "GET /products":
            edit(shop, product["sku"], regular_price=str(next(prices)))

    shop.before = reprice
    ask(pushing, store_id, product["product_id"], "price")
    for _ in range(5):
        with hurried(root_conn, store_id):
            push(pushing, store_id)
    query = "SELECT error_code FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    assert root_conn.execute(query, (store_id,)).fetchall() == [("SHOP_CHANGED",)]


def test_a_trashed_product_is_told_and_left_alone(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None
    shop.trash_product(found["id"])
    put_products(pushing, store_id, [product | {"regular_price": "21"}])
    push(pushing, store_id)
    trashed = shop.product_of(product["sku"])
    assert trashed is not None and (trashed["status"], trashed["regular_price"]) == ("trash", "19.9")
    query = "SELECT DISTINCT error_code, retryable FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    assert root_conn.execute(query, (store_id,)).fetchall() == [("PRODUCT_IN_TRASH", False)]
    assert not mapping_of(conn, store_id, product).in_sync


def test_a_mapping_says_what_differs_and_since_when(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    first = mapping_of(conn, store_id, product)
    assert first.in_sync and first.seen_at is not None and not first.differences
    edit(shop, product["sku"], name="By hand", regular_price="18")
    ask(pushing, store_id, product["product_id"], "image")
    push(pushing, store_id)
    later = mapping_of(conn, store_id, product)
    assert not later.in_sync and later.seen_at is not None and later.seen_at > first.seen_at
    shown = {name: (one.theirs, one.ours) for name, one in later.differences.items()}
    assert shown == {"name": ("By hand", "Blue Widget"), "regular_price": ("18", "19.9")}
    ask(pushing, store_id, product["product_id"], "image")
    push(pushing, store_id)
    assert mapping_of(conn, store_id, product).differences["name"].since == later.differences["name"].since


HTML = '<p>Salt & <b>pepper</b></p>\n<a title="x" href="https://a.test/?a=1&b=2">caf&eacute;</a><br>\nend'


def test_a_dry_run_compares_as_a_sync_does(pushing: Runtime, store_id: UUID, shop: FakeWooCommerce) -> None:
    product = make_erp_product(name="Salt & Pepper", description=HTML)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    ids = [UUID(product["product_id"])]

    def previewed() -> tuple[str, list[str]]:
        [found] = preview_products(pushing.settings, pushing.pool, store_id, ids, "product")
        return found.action, [one.field for one in found.differences]

    assert previewed() == ("none", [])
    edit(shop, product["sku"], description="Written by hand", stock_quantity=3)
    assert previewed() == ("update", ["stock_quantity", "description"])
    before = shop.calls["POST /products/batch"]
    ask(pushing, store_id, product["product_id"], "product")
    push(pushing, store_id)
    assert (previewed(), shop.calls["POST /products/batch"]) == (("none", []), before + 1)


def test_empty_lists_clear_images_and_categories(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product(image_urls=["https://img.test/a.png"])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None and len(found["images"]) == 1
    put_products(pushing, store_id, [{name: value for name, value in product.items() if name != "image_urls"}])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None and len(found["images"]) == 1  # left out, not cleared
    with shop.state.lock:
        made = {"id": 77, "name": "By hand", "slug": "by-hand"}
        shop.state.categories[77] = shop.state.categories[15] | made
    edit(shop, product["sku"], categories=[made])
    put_products(pushing, store_id, [product | {"image_urls": None, "category_ids": []}])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None and (found["images"], [one["id"] for one in found["categories"]]) == ([], [15])
    assert set(statuses(root_conn, store_id)) == {"completed"}


def test_other_pictures_are_sent_whatever_their_number(pushing: Runtime, store_id: UUID, shop: FakeWooCommerce) -> None:
    product = make_erp_product(image_urls=["https://img.test/a.png"])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"image_urls": ["https://img.test/b.png"]}])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None and [one["src"].rsplit("/", 1)[-1] for one in found["images"]] == ["b.png"]
    before = shop.calls["POST /products/batch"]
    put_products(pushing, store_id, [product | {"image_urls": ["https://img.test/b.png"]}])
    push(pushing, store_id)
    assert shop.calls["POST /products/batch"] == before


def test_a_value_that_the_shop_did_not_take_differs(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """Its category was deleted by hand: the shop answers 200 and puts the product elsewhere."""
    category = {"category_id": str(uuid4()), "name": "Lamps"}
    product = make_erp_product(category_ids=[category["category_id"]])
    put_categories(pushing, store_id, [category])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None
    [placed] = found["categories"]
    with shop.state.lock:
        del shop.state.categories[placed["id"]]
    edit(shop, product["sku"], categories=[{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    query = "SELECT error_code, retryable, error_message FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    [(code, retryable, message)] = root_conn.execute(query, (store_id,)).fetchall()
    assert (code, retryable) == ("SHOP_KEPT_OTHER_VALUE", False) and "categories" in message
    mapping = mapping_of(conn, store_id, product)
    assert (mapping.sync_status, mapping.in_sync) == ("differs", False)
    shown = {name: (one.ours, one.theirs, one.was_sent) for name, one in mapping.differences.items()}
    assert shown == {"categories": ([placed["id"]], [15], True)}

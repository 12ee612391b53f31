"""Products that the ERP discontinues are taken off sale by the store's policy, and come back when the ERP states them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection, OperationalError

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.items import Origin
from db.outbound.mappings import count_mappings, list_out_of_sync
from db.outbound.policies import set_policy
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, push, put_products, statuses
from workers.core.runtime import Runtime
from workers.outbound.intake.discontinue import discontinue_products
from workers.outbound.runs import approve, reject, start_full
from workers.outbound.sending import push_store

Product = dict[str, Any]
SEEN = ("status", "manage_stock", "stock_quantity", "stock_status")


def discontinue(runtime: Runtime, store_id: UUID, *products: Product) -> int:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        ids = [UUID(one["product_id"]) for one in products]
        return len(discontinue_products(conn, store_id, ids, Origin({"source": "test"})))


def choose(runtime: Runtime, store_id: UUID, policy: str) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert set_policy(conn, store_id, "discontinued", policy)


def in_shop(shop: FakeWooCommerce, product: Product) -> dict[str, Any]:
    [found] = [one for one in shop.state.products.values() if one["sku"] == product["sku"]]
    return {name: found[name] for name in SEEN}


def edit(shop: FakeWooCommerce, product: Product, **fields: Any) -> None:
    with shop.state.lock:
        [found] = [one for one in shop.state.products.values() if one["sku"] == product["sku"]]
        shop.state.products[found["id"]] = found | fields


def hold(conn: Connection, store_id: UUID) -> Any:
    with tenant(conn, store_id):
        [found] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
    return found


def sent(runtime: Runtime, store_id: UUID, products: list[Product]) -> list[Product]:
    put_products(runtime, store_id, products)
    push(runtime, store_id)
    return products


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (None, {"status": "draft"}),
        ("trash", {"status": "trash"}),
        ("out_of_stock", {"manage_stock": False, "stock_quantity": None, "stock_status": "outofstock"}),
    ],
)
@pytest.mark.parametrize("stock", [{"stock_quantity": 7}, {"manage_stock": False, "stock_quantity": None}, {}])
def test_a_discontinued_product_goes_and_comes_back(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    policy: str | None,
    gone: dict[str, Any],
    stock: dict[str, Any],
) -> None:
    bare = {name: value for name, value in make_erp_product().items() if name != "stock_quantity"}
    [product, other] = sent(pushing, store_id, [bare | stock, make_erp_product()])
    if policy:
        choose(pushing, store_id, policy)
    before, calls = in_shop(connected_shop, product), len(connected_shop.state.products)
    assert discontinue(pushing, store_id, product) == 1
    push(pushing, store_id)
    assert in_shop(connected_shop, product) == before | gone
    assert in_shop(connected_shop, other)["status"] == "publish"
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (2, 0)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert in_shop(connected_shop, product) == before
    assert len(connected_shop.state.products) == calls
    assert set(statuses(root_conn, store_id)) == {"completed"}
    query = "SELECT count(*) FROM wc_product_sync_mappings WHERE store_id = %s AND taken_off IS NOT NULL"
    assert root_conn.execute(query, (store_id,)).fetchone() == (0,)


def test_a_price_of_a_discontinued_product_publishes_nothing(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce, conn: Connection
) -> None:
    [product] = sent(pushing, store_id, [make_erp_product()])
    discontinue(pushing, store_id, product)
    push(pushing, store_id)
    with tenant(conn, store_id):
        start_full(conn, store_id, "test", force=True)
    push(pushing, store_id)
    assert in_shop(connected_shop, product)["status"] == "draft"


def test_what_a_merchant_hid_is_not_published_on_return(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    [product] = sent(pushing, store_id, [make_erp_product()])
    edit(connected_shop, product, status="private")
    discontinue(pushing, store_id, product)
    push(pushing, store_id)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert in_shop(connected_shop, product)["status"] == "private"


def test_a_discontinued_product_that_the_shop_lacks_is_not_made(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    product, unknown = make_erp_product(), make_erp_product()
    connected_shop.add_product(sku="OWN", name="The shop's own")
    own = make_erp_product(sku="OWN")
    put_products(pushing, store_id, [product, own])
    assert discontinue(pushing, store_id, product, own, unknown) == 2
    push(pushing, store_id)
    assert [(one["sku"], one["status"]) for one in connected_shop.state.products.values()] == [("OWN", "publish")]
    assert statuses(root_conn, store_id) == {"completed": 2}
    with tenant(conn, store_id):
        assert (count_mappings(conn, store_id), list_out_of_sync(conn, store_id, None, 10)) == ((0, 0), [])


def test_too_many_discontinued_products_wait_for_a_person(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    products = sent(pushing, store_id, [make_erp_product() for _ in range(60)])
    discontinue(pushing, store_id, *products[:30])
    push(pushing, store_id)
    assert {in_shop(connected_shop, one)["status"] for one in products} == {"publish"}
    preview = hold(conn, store_id).preview
    assert (preview["reasons"], preview["discontinuedProducts"]) == (["discontinued_share"], 30)
    assert preview["changes"][0]["discontinued"] is True
    with tenant(conn, store_id):
        assert reject(conn, store_id, hold(conn, store_id).id) == 30
        start_full(conn, store_id, "test", force=False)
    push(pushing, store_id)
    assert {in_shop(connected_shop, one)["status"] for one in products} == {"publish"}
    put_products(pushing, store_id, products)  # the mistake is corrected
    push(pushing, store_id)
    discontinue(pushing, store_id, *products[30:])
    push(pushing, store_id)
    with tenant(conn, store_id):
        assert approve(conn, store_id, hold(conn, store_id).id) == 30
    push(pushing, store_id)
    assert [in_shop(connected_shop, one)["status"] for one in products] == ["publish"] * 30 + ["draft"] * 30


def test_products_that_are_discontinued_one_by_one_are_counted_together(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    products = sent(pushing, store_id, [make_erp_product() for _ in range(20)])
    for product in products:
        discontinue(pushing, store_id, product)
        push(pushing, store_id)
    assert [in_shop(connected_shop, one)["status"] for one in products] == ["draft"] * 9 + ["publish"] * 11
    assert statuses(root_conn, store_id)["needs_approval"] == 11


def test_products_published_again_by_hand_are_weighed_before_they_go(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    products = sent(pushing, store_id, [make_erp_product() for _ in range(20)])
    discontinue(pushing, store_id, *products)
    push(pushing, store_id)
    with tenant(conn, store_id):
        approve(conn, store_id, hold(conn, store_id).id)
    push(pushing, store_id)
    root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s", (store_id,))  # as after their retention
    for product in products:
        edit(connected_shop, product, status="publish")
    with tenant(conn, store_id):
        start_full(conn, store_id, "test", force=False)
    push(pushing, store_id)
    assert {in_shop(connected_shop, one)["status"] for one in products} == {"publish"}
    assert statuses(root_conn, store_id) == {"needs_approval": 20}


def test_a_product_that_waits_for_the_takeover_is_not_taken_off_sale(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    connected_shop.add_product(sku="OWN", name="The shop's own")
    own = make_erp_product(sku="OWN")
    put_products(pushing, store_id, [own])
    push(pushing, store_id)
    discontinue(pushing, store_id, own)
    push(pushing, store_id)
    assert in_shop(connected_shop, own)["status"] == "publish"
    assert statuses(root_conn, store_id) == {"superseded": 1, "needs_approval": 1}


def test_a_worker_that_dies_does_not_lose_what_the_shop_had(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [product] = sent(pushing, store_id, [make_erp_product()])
    discontinue(pushing, store_id, product)
    with monkeypatch.context() as patched:
        patched.setattr(push_store, "save_results", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
        assert push(pushing, store_id) is push_store.PushOutcome.LOST
    assert in_shop(connected_shop, product)["status"] == "draft"
    push(pushing, store_id)
    assert in_shop(connected_shop, product)["status"] == "draft"
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert in_shop(connected_shop, product)["status"] == "publish"
    assert set(statuses(root_conn, store_id)) == {"completed"}

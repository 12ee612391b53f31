"""A product that the shop has already is weighed against what the shop has before anything of it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.push_leases import release_lease, take_lease
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import ask, make_erp_product, push, put_products, say_yes_to_takeover, statuses
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.outbound.intake.events import read_event, take_events
from workers.outbound.runs import start_full, start_one
from workers.outbound.sending.claim import claim_next
from workers.outbound.sending.holds import approve, reject
from workers.outbound.sending.save_results import save_results
from workers.outbound.sending.send_claim import send_claim
from workers.outbound.sending.shop_connection import ShopConnection
from workers.shops.opener import open_store_woocommerce

PRODUCTS = 12
SKUS = [f"KNOWN-{number}" for number in range(PRODUCTS)]
OWN = {
    "name": "By hand",
    "description": "Written by hand.",
    "regular_price": "20",
    "sale_price": "18",
    "manage_stock": True,
    "stock_quantity": 5,
}
SEEN = ("name", "regular_price", "sale_price", "stock_quantity", "stock_status")


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


@pytest.fixture
def taken_over(pushing: Runtime, store_id: UUID) -> Runtime:
    """A store whose takeover is behind it: what it adopts goes under the ordinary brakes."""
    say_yes_to_takeover(pushing, store_id)
    return pushing


def fill(shop: FakeWooCommerce, **overrides: Any) -> None:
    for sku in SKUS:
        shop.add_product(sku=sku, **(OWN | overrides))


def from_erp(**overrides: Any) -> list[dict[str, Any]]:
    harmless = {name: OWN[name] for name in ("name", "description", "regular_price", "sale_price", "stock_quantity")}
    return [make_erp_product(sku=sku, **(harmless | overrides)) for sku in SKUS]


def seen(shop: FakeWooCommerce) -> set[tuple[Any, ...]]:
    return {tuple(one[name] for name in SEEN) for one in shop.state.products.values()}


def reasons_of_hold(conn: Connection, store_id: UUID) -> list[str]:
    with tenant(conn, store_id):
        holds = [one for one in list_batches(conn, store_id, 5) if one.kind == "hold" and one.preview]
    return list(holds[0].preview["reasons"]) if holds and holds[0].preview else []


def decide(conn: Connection, store_id: UUID, decision: Callable[..., int | None]) -> int | None:
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
        return decision(conn, store_id, hold.id)


def test_an_adopted_mistake_is_held_until_approved(
    taken_over: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop)
    before = seen(shop)
    put_products(taken_over, store_id, from_erp(regular_price="2000", sale_price=None, stock_quantity=0))
    push(taken_over, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"needs_approval": PRODUCTS}
    assert reasons_of_hold(conn, store_id) == ["price_factor", "price_share", "zero_share"]
    assert decide(conn, store_id, approve) == PRODUCTS
    push(taken_over, store_id)
    assert seen(shop) == {("By hand", "2000", "", 0, "outofstock")}
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}


def test_a_rejected_adoption_leaves_the_shop_alone(
    taken_over: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop)
    before = seen(shop)
    put_products(taken_over, store_id, from_erp(regular_price="2000"))
    push(taken_over, store_id)
    assert decide(conn, store_id, reject) == PRODUCTS
    push(taken_over, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"failed": PRODUCTS}


def test_a_harmless_adoption_is_sent_at_once(
    taken_over: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop)
    put_products(taken_over, store_id, from_erp(stock_quantity=4))
    push(taken_over, store_id)
    assert seen(shop) == {("By hand", "20", "18", 4, "instock")}
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}


@pytest.mark.parametrize(
    ("own", "stated", "reasons"),
    [
        ({}, {"sale_price": None}, ["price_share"]),
        ({"sale_price": "2"}, {"sale_price": None}, ["price_factor", "price_share"]),
        ({"sale_price": ""}, {"sale_price": "1"}, ["price_factor", "price_share"]),
        ({}, {"stock_quantity": 0}, ["zero_share"]),
        ({"manage_stock": False, "stock_status": "instock"}, {"stock_quantity": 0}, ["zero_share"]),
        ({}, {"name": "Blue Widget"}, ["text_share"]),
        ({}, {"description": None}, ["text_share"]),
        ({}, {"image_urls": ["https://img.test/a.png"]}, ["text_share"]),
        ({"date_on_sale_to_gmt": "2020-01-01T00:00:00"}, {"sale_price": None, "regular_price": "21"}, ["price_share"]),
    ],
)
def test_what_the_shop_has_is_the_measure(
    taken_over: Runtime,
    conn: Connection,
    store_id: UUID,
    shop: FakeWooCommerce,
    own: dict[str, Any],
    stated: dict[str, Any],
    reasons: list[str],
) -> None:
    fill(shop, **own)
    before = seen(shop)
    put_products(taken_over, store_id, from_erp(**stated))
    push(taken_over, store_id)
    assert (seen(shop), reasons_of_hold(conn, store_id)) == (before, reasons)


def test_stock_that_the_shop_sold_out_is_not_held(
    taken_over: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop, manage_stock=False, stock_status="outofstock")
    put_products(taken_over, store_id, from_erp(stock_quantity=0))
    push(taken_over, store_id)
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}


def test_a_manual_offer_survives_the_adoption(
    taken_over: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop)
    put_products(taken_over, store_id, from_erp(sale_price=None, allow_manual_woocommerce_offers=True))
    push(taken_over, store_id)
    assert seen(shop) == {("By hand", "20", "18", 5, "instock")}
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}


Ask = Callable[[Runtime, UUID, list[str]], None]


def by_single(sync_type: str) -> Ask:
    def request(runtime: Runtime, store_id: UUID, product_ids: list[str]) -> None:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            for product_id in product_ids:
                start_one(conn, store_id, UUID(product_id), sync_type, "test")

    return request


def by_run(*, force: bool) -> Ask:
    def request(runtime: Runtime, store_id: UUID, product_ids: list[str]) -> None:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            start_full(conn, store_id, "test", force=force)

    return request


def by_forced(sync_type: str) -> Ask:
    def request(runtime: Runtime, store_id: UUID, product_ids: list[str]) -> None:
        for product_id in product_ids:
            ask(runtime, store_id, product_id, sync_type, force=True)

    return request


def by_event(name: str) -> Ask:
    def request(runtime: Runtime, store_id: UUID, product_ids: list[str]) -> None:
        events = [read_event(name, {"productId": product_id}, store_id) for product_id in product_ids]
        take_events(runtime.pool, runtime.wake_up, [event for event in events if not isinstance(event, str)], "test")

    return request


PATHS: dict[str, Ask] = {
    "run": by_run(force=False),
    "forced run": by_run(force=True),
    **{f"one {name}": by_single(name) for name in ("price", "stock", "product")},
    **{f"forced {name}": by_forced(name) for name in ("price", "stock", "product")},
    **{
        f"event {name}": by_event(name)
        for name in ("pricing.price_changed", "inventory.stock_changed", "product.updated", "product.image_updated")
    },
}
# Whether the path asks for a price or stock; another one sends neither.
CHANGES = {path: "image" not in path for path in PATHS}


@pytest.mark.parametrize("imported_first", [True, False], ids=["beside the import", "alone"])
@pytest.mark.parametrize("looked_up_first", [True, False], ids=["looked up", "after a conflict"])
@pytest.mark.parametrize("path", list(PATHS))
def test_no_path_sends_a_mistake_without_a_verdict(
    taken_over: Runtime,
    root_conn: Connection,
    store_id: UUID,
    shop: FakeWooCommerce,
    path: str,
    looked_up_first: bool,
    imported_first: bool,
) -> None:
    fill(shop)
    before = seen(shop)
    products = from_erp(name="By hand", regular_price="2000", sale_price=None, stock_quantity=0)
    put_products(taken_over, store_id, products)
    if not imported_first:
        root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s", (store_id,))
    if looked_up_first:  # as after a create whose answer was lost
        root_conn.execute("UPDATE erp_products SET create_begun_at = now() WHERE store_id = %s", (store_id,))
    PATHS[path](taken_over, store_id, [one["product_id"] for one in products])
    push(taken_over, store_id)
    assert seen(shop) == before
    held = statuses(root_conn, store_id).get("needs_approval", 0)
    assert held >= (PRODUCTS if imported_first or CHANGES[path] else 0)


def test_a_request_made_during_the_adoption_is_held(
    taken_over: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    fill(shop)
    before = seen(shop)
    products = from_erp(regular_price="2000", stock_quantity=0)
    put_products(taken_over, store_id, products)
    root_conn.execute("UPDATE erp_products SET create_begun_at = now() WHERE store_id = %s", (store_id,))
    holder = new_id()
    with tenant(conn, store_id):
        assert take_lease(conn, store_id, holder, 60)
        claim = claim_next(conn, store_id, holder, 100)
    assert claim is not None
    for product in products:
        ask(taken_over, store_id, product["product_id"], "product")
    with tenant(conn, store_id):  # brakes see the new items while nothing is mapped
        assert claim_next(conn, store_id, holder, 100) is None
    connection = ShopConnection(open_store_woocommerce(taken_over.settings, taken_over.pool, store_id), float("inf"))
    save_results(
        taken_over.pool,
        store_id,
        claim,
        send_claim(connection, claim, lambda _: None, lambda _: None, lambda _: None),
    )
    connection.close()
    with tenant(conn, store_id):
        release_lease(conn, store_id, holder)
    push(taken_over, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"superseded": PRODUCTS, "needs_approval": PRODUCTS}

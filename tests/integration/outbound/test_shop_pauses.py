"""A shop that fails as a whole: its items wait together, a small call finds out when it is back, and none of them fails."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.outbound import ask, hurried, make_erp_product, push, put_products, statuses
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime

ITEMS = "SELECT sync_type, status, attempts, breach FROM wc_sync_items WHERE store_id = %s AND attempts > 0 ORDER BY 1"
PAUSE = (
    "SELECT failures_in_a_row, resume_at - clock_timestamp() < interval '31 s' FROM wc_push_leases WHERE store_id = %s"
)
LATE = "UPDATE wc_sync_items SET due_at = now() - interval '1 s' WHERE store_id = %s"
PROBE = "GET /products"


def push_until_completed(pushing: Runtime, root_conn: Connection, store_id: UUID, count: int) -> None:
    """Let turns follow each other as the dispatcher does."""

    def all_completed() -> bool:
        push(pushing, store_id)
        return statuses(root_conn, store_id) == {"completed": count}

    wait_until(all_completed, 60.0, "the shop to be back and all items to be sent")


@pytest.mark.parametrize("kind", ["bad_gateway", "gateway_timeout", "maintenance", "database_down", "drop", "html"])
def test_no_item_fails_while_the_shop_is_down(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID, kind: str
) -> None:
    """The first call and two probes fail: as many as an item has attempts."""
    products = [make_erp_product() for _ in range(30)]
    put_products(pushing, store_id, products)
    ask(pushing, store_id, products[0]["product_id"], "price")
    connected_shop.faults.add(Fault(kind, times=3, seconds=600))
    push_until_completed(pushing, root_conn, store_id, 31)
    seen = root_conn.execute(ITEMS, (store_id,)).fetchall()
    assert {row[1:] for row in seen} == {("completed", 1, None)} and len(seen) == 31
    assert sorted(one["sku"] for one in connected_shop.state.products.values()) == sorted(
        one["sku"] for one in products
    )


def test_only_small_calls_are_made_while_the_shop_is_down(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product() for _ in range(3)])
    connected_shop.faults.add(Fault("bad_gateway", times=None))
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    connected_shop.calls.clear()
    for _ in range(4):
        with hurried(root_conn, store_id):
            push(pushing, store_id)
    assert connected_shop.calls == {PROBE: 4}
    assert statuses(root_conn, store_id) == {"pending": 3}


def test_a_long_retry_after_is_ended_by_a_probe(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    """A plugin's update of seconds announces ten minutes."""
    put_products(pushing, store_id, [make_erp_product()])
    connected_shop.faults.add(Fault("maintenance", times=None, seconds=600))
    push(pushing, store_id)
    assert root_conn.execute(PAUSE, (store_id,)).fetchone() == (1, True)
    connected_shop.faults.clear()
    push_until_completed(pushing, root_conn, store_id, 1)
    assert root_conn.execute(PAUSE, (store_id,)).fetchone() == (0, True)


def test_a_shop_that_fails_past_the_deadline_fails_the_item(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    """A probe succeeds and writes fail: after the deadline an item has its three attempts and no more."""
    put_products(pushing, store_id, [make_erp_product()])
    connected_shop.faults.add(Fault("bad_gateway", "^POST", times=None))
    seen: list[Any] = []
    for turn in range(6):
        if turn == 2:
            root_conn.execute(LATE, (store_id,))
        with hurried(root_conn, store_id):
            push(pushing, store_id)
            query = "SELECT status, attempts, error_code FROM wc_sync_items WHERE store_id = %s"
            seen.append(root_conn.execute(query, (store_id,)).fetchone())
    waits, late = ("pending", 0, "PLATFORM_FAILING"), ("pending", 1, "PLATFORM_FAILING")
    assert seen[:3] == [waits, waits, late]
    assert seen[4:] == [("failed", 3, "PLATFORM_FAILING")] * 2
    assert connected_shop.calls["POST /products/batch"] == 5


def test_an_answering_shop_that_refuses_the_key_ends_the_pause(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    connected_shop.faults.add(Fault("bad_gateway"))
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    connected_shop.state.keys.clear()
    push(pushing, store_id)
    told = root_conn.execute("SELECT error_code, retryable FROM wc_sync_items WHERE store_id = %s", (store_id,))
    assert told.fetchall() == [("SHOP_REFUSED_KEY", False)]

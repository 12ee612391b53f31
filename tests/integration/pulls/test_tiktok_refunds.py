"""Returns and cancellations of a TikTok Shop, from a fake shop on a real socket: a walk with a watermark of its own."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from tests.fakes.tiktok.records import FIRST_CANCELLATION, FIRST_ORDER, FIRST_RETURN
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pulls import Shopkeeper

RETURNS = "/return_refund/202602/returns/search"
CANCELLATIONS = "/return_refund/202602/cancellations/search"
REFUNDS = "/api/tiktok/sync/refunds"
ORDERS = "/api/tiktok/sync/orders"


@pytest.fixture
def shop() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=130, returns=120, cancellations=70) as shop:
        yield shop


def rows(root_conn: Connection, keeper: Shopkeeper, query: str) -> list[tuple[Any, ...]]:
    return root_conn.execute(query.encode(), {"store": keeper.store_id}).fetchall()


def test_returns_and_cancellations_are_read_in_pages_of_fifty(
    keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection
) -> None:
    job = keeper.run(REFUNDS)
    assert job["counts"]["inserted"] == 190
    assert (shop.server.calls[RETURNS], shop.server.calls[CANCELLATIONS]) == (3, 2)
    found = rows(
        root_conn, keeper, "SELECT status, count(*) FROM refunds WHERE store_id = %(store)s GROUP BY 1 ORDER BY 1"
    )
    assert found == [("completed", 120), ("pending", 70)]


def test_the_next_pull_reads_what_changed(keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection) -> None:
    keeper.run(REFUNDS)
    shop.server.calls.clear()
    shop.tables["cancellations"].edit(
        FIRST_CANCELLATION + 3,
        int(shop.clock()),
        cancel_status="CANCELLATION_REQUEST_SUCCESS",
        update_time=int(shop.clock()),
    )
    job = keeper.run(REFUNDS)
    assert (job["syncMode"], job["counts"]["updated"]) == ("incremental", 1)
    assert (shop.server.calls[RETURNS], shop.server.calls[CANCELLATIONS]) == (1, 1)
    query = """SELECT external_id FROM refunds
                WHERE store_id = %(store)s AND status = 'completed' AND external_id >= 4035400000000000000"""
    assert rows(root_conn, keeper, query) == [(FIRST_CANCELLATION + 3,)]


def test_refunds_come_before_or_after_their_orders(keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection) -> None:
    keeper.run(REFUNDS)
    linked = "SELECT count(*), count(order_id) FROM refunds WHERE store_id = %(store)s"
    assert rows(root_conn, keeper, linked) == [(190, 0)]
    keeper.run(ORDERS)
    assert rows(root_conn, keeper, linked) == [(190, 190)]


def test_a_return_lowers_what_its_sale_and_line_earned(
    keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection
) -> None:
    keeper.run(ORDERS)
    keeper.run(REFUNDS)
    root_conn.execute("SELECT set_config('app.store_id', %s, false)", (str(keeper.store_id),))
    sale = "SELECT refunds, total - net FROM analytics.sales WHERE store_id = %(store)s AND external_id = "
    assert rows(root_conn, keeper, sale + str(FIRST_ORDER)) == [(Decimal("6.49"), Decimal("6.49"))]
    line = """SELECT l.refunded_units, l.refunded
                FROM analytics.sold_lines l JOIN orders o ON o.store_id = l.store_id AND o.id = l.order_id
               WHERE l.store_id = %(store)s AND l.position = 0 AND o.external_id = """
    assert rows(root_conn, keeper, line + str(FIRST_ORDER)) == [(1, 5)]


def test_no_address_is_kept_of_a_reason(keeper: Shopkeeper, root_conn: Connection) -> None:
    keeper.run(REFUNDS)
    found = rows(
        root_conn, keeper, "SELECT DISTINCT reason FROM refunds WHERE store_id = %(store)s AND reason IS NOT NULL"
    )
    assert found == [("Write to b",)]


def test_a_missing_scope_stops_refunds_alone(keeper: Shopkeeper, shop: FakeTiktok) -> None:
    shop.gate.scopes -= {"return_orders"}
    log_id = keeper.start(REFUNDS)
    keeper.work(log_id)
    assert keeper.job(log_id)["error"]["code"] == "SHOP_SCOPE_MISSING"
    assert keeper.run(ORDERS)["counts"]["inserted"] == 130


def test_a_return_that_moves_between_pages_is_read_once(
    keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection
) -> None:
    moved = iter(range(10))

    def edit(call: Any) -> None:
        if call.path == RETURNS and (number := next(moved, None)) is not None:
            shop.tables["return_orders"].edit(FIRST_RETURN + number, int(shop.clock()), update_time=int(shop.clock()))

    shop.server.before = edit
    keeper.run(REFUNDS)
    assert rows(root_conn, keeper, "SELECT count(*) FROM refunds WHERE store_id = %(store)s") == [(190,)]

"""Specification 5, row by row: a TikTok Shop pulled incrementally and in full, from a fake shop on a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import Connection

from tests.fakes.tiktok.records import FIRST_ORDER
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pulls import Shopkeeper, in_thread
from workers.pulls.turn import Turn

SEARCH = "/order/202309/orders/search"
REFRESH = "/api/v2/token/refresh"
ORDERS = "/api/tiktok/sync/orders"


@pytest.fixture
def shop() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=350, products=20) as shop:
        yield shop


def stored(root_conn: Connection, keeper: Shopkeeper) -> dict[int, str]:
    query = "SELECT external_id, platform_status FROM orders WHERE store_id = %s"
    return dict(root_conn.execute(query, (keeper.store_id,)).fetchall())


def wanted(shop: FakeTiktok) -> dict[int, str]:
    return {int(row["id"]): row["status"] for row in shop.tables["orders"].all()}


def calls(shop: FakeTiktok) -> int:
    count = shop.server.calls[SEARCH]
    shop.server.calls.clear()
    return count


def test_first_sync_is_full_and_the_next_reads_changes(
    keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection
) -> None:
    job = keeper.run(ORDERS)
    assert (job["counts"]["inserted"], stored(root_conn, keeper)) == (350, wanted(shop))
    calls(shop)
    for number in range(50):
        shop.edit(FIRST_ORDER + number, status="CANCELLED")
    job = keeper.run(ORDERS)
    assert calls(shop) <= 3
    assert (job["counts"]["updated"], job["receivedCount"]) == (50, 50)
    assert stored(root_conn, keeper) == wanted(shop)


def test_forced_full_sync_reads_everything_again(keeper: Shopkeeper, shop: FakeTiktok) -> None:
    keeper.run(ORDERS)
    assert keeper.run(f"{ORDERS}?force_full=true")["counts"]["unchanged"] == 350
    assert keeper.run(f"{ORDERS}/full")["counts"]["unchanged"] == 350


def test_receipt_names_the_kind_of_sync(keeper: Shopkeeper) -> None:
    answer = keeper.data("POST", ORDERS)
    assert (answer["sync_type"], answer["status"]) == ("orders_incremental", "running")
    assert keeper.work(answer["jobId"]) is Turn.COMPLETED
    assert keeper.data("POST", f"{ORDERS}/full")["sync_type"] == "orders_full"


@pytest.mark.parametrize("query", ["max_records=0", "max_records=x", "max_records=-5", "force_full=maybe"])
def test_invalid_query_is_refused(keeper: Shopkeeper, query: str) -> None:
    assert keeper.call("POST", f"{ORDERS}?{query}").status_code == 400


def test_status_shows_counts_and_the_watermark(keeper: Shopkeeper, shop: FakeTiktok) -> None:
    assert keeper.data("GET", "/api/tiktok/sync/status")["orders"] == {
        "count": 0,
        "last_synced": None,
        "metadata": None,
    }
    job = keeper.run(ORDERS)
    keeper.run("/api/tiktok/sync/products")
    status = keeper.data("GET", "/api/tiktok/sync/status")
    assert (status["orders"]["count"], status["products"]["count"]) == (350, 20)
    metadata = status["orders"]["metadata"]
    assert metadata["last_sync_time"] == job["progress"]["watermark"]
    assert (metadata["records_synced"], metadata["is_full_sync"], metadata["overlap_seconds"]) == (350, True, 300)
    assert keeper.data("GET", "/api/sync/status")["orders"] == status["orders"]


def test_ten_limited_pulls_read_all_changes(keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection) -> None:
    keeper.run(ORDERS)
    for number in range(300):
        shop.edit(FIRST_ORDER + number, status="CANCELLED")
    for run in range(1, 11):
        job = keeper.run(f"{ORDERS}?max_records=30")
        assert job["receivedCount"] == 30
        assert list(stored(root_conn, keeper).values()).count("CANCELLED") >= run * 30
    assert stored(root_conn, keeper) == wanted(shop)


def test_token_expiring_mid_pull_is_renewed_and_stored(
    keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection
) -> None:
    before = shop.credentials
    shop.server.before = lambda call: shop.gate.expire() if shop.server.calls[SEARCH] == 2 else None
    keeper.run(ORDERS)
    assert shop.server.calls[REFRESH] == 1
    assert stored(root_conn, keeper) == wanted(shop)
    shop.server.before = lambda _call: None
    assert shop.credentials["refresh_token"] != before["refresh_token"]
    keeper.run(ORDERS)  # with what was stored
    assert shop.server.calls[REFRESH] == 1


def test_orders_moving_between_pages_are_read_once(keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection) -> None:
    moved = iter(range(0, 350, 7))
    shop.server.before = lambda _call: shop.edit(FIRST_ORDER + next(moved), status="COMPLETED")
    keeper.run(ORDERS)
    shop.server.before = lambda _call: None
    keeper.run(ORDERS)
    assert stored(root_conn, keeper) == wanted(shop)


def test_pull_waits_through_a_series_of_refusals(keeper: Shopkeeper, shop: FakeTiktok, root_conn: Connection) -> None:
    shop.server.faults.at_random(0.4, seed=3)
    log_id = keeper.start(ORDERS)
    outcomes = [keeper.work(log_id)]
    while outcomes[-1] is Turn.RETRYING:
        root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
        outcomes.append(keeper.work(log_id))
    assert outcomes[-1] is Turn.COMPLETED
    assert stored(root_conn, keeper) == wanted(shop)


def test_one_of_several_pulls_renews_the_token(keeper: Shopkeeper, shop: FakeTiktok) -> None:
    shop.gate.expire()
    logs = [keeper.start(ORDERS), keeper.start("/api/tiktok/sync/products")]
    outcomes: list[Turn] = []
    threads = [in_thread(lambda log_id=log_id: outcomes.append(keeper.work(log_id))) for log_id in logs]  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert outcomes == [Turn.COMPLETED, Turn.COMPLETED]
    assert shop.server.calls[REFRESH] == 1


def test_dead_refresh_token_asks_to_connect_again(keeper: Shopkeeper, shop: FakeTiktok) -> None:
    shop.gate.expire()
    shop.gate.refresh_token = "another"
    log_id = keeper.start(ORDERS)
    assert keeper.work(log_id) is Turn.FAILED
    error = keeper.job(log_id)["error"]
    assert "connect" in error["message"].lower() or "authori" in error["message"].lower()

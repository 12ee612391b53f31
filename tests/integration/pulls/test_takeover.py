"""Two workers on one run: what the first one still holds is refused once the second one has begun."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from psycopg import Connection

from app.usecases.stores import create_store
from tests.support.pipeline import read_log
from tests.support.pulls import MemoryShop, busy, in_thread, start, turn
from tests.support.stepped.shop import SteppedShop
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted
from workers.pulls.turn import Turn

INCREMENTAL = Wanted("orders", "incremental")
DUE = "UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s"
LEASE = "SELECT next_attempt_at > now() FROM sync_logs WHERE id = %s"


@pytest.fixture
def store_id(conn: Connection) -> UUID:
    return create_store(conn, "TikTok shop", "tiktok").store_id


@pytest.fixture
def shop() -> SteppedShop:
    shop = SteppedShop()
    for number in range(1, 26):
        shop.change(number)
    return shop


def test_page_of_worker_that_lost_its_run_is_refused(
    runtime: Runtime, store_id: UUID, shop: SteppedShop, root_conn: Connection
) -> None:
    """The second worker applies the first one's page and keeps the next, and only then the first one applies its page."""
    log_id = start(runtime, store_id, INCREMENTAL)
    second_shop = SteppedShop(orders=shop.orders, clock=shop.clock)
    second: list[tuple[Turn, int]] = []

    def stop_with_second_page_kept(step: int) -> None:
        if step == 2:
            raise busy()

    def take_over(step: int) -> None:
        if step == 2:  # the first page is kept
            root_conn.execute(DUE, (log_id,))
            second_shop.at_step = stop_with_second_page_kept
            outcome = turn(runtime, store_id, log_id, second_shop)
            second.append((outcome, read_log(runtime, store_id, log_id).received))

    shop.at_step = take_over
    first = turn(runtime, store_id, log_id, shop)
    assert second == [(Turn.RETRYING, 10)]
    assert read_log(runtime, store_id, log_id).received == 10, "the first worker's page is counted twice"
    assert first is Turn.NOT_OURS
    root_conn.execute(DUE, (log_id,))
    assert turn(runtime, store_id, log_id, MemoryShop(orders=shop.orders, clock=shop.clock)) is Turn.COMPLETED
    log = read_log(runtime, store_id, log_id)
    stored = root_conn.execute("SELECT external_id FROM orders WHERE store_id = %s", (store_id,))
    assert {row[0] for row in stored} == set(shop.orders)
    assert (log.received, log.inserted) == (25, 25)


def test_lease_of_run_is_renewed_during_long_fetch(
    runtime: Runtime, store_id: UUID, shop: SteppedShop, root_conn: Connection
) -> None:
    """The test ends the lease by hand: a fetch that waits for a sign of life is as good as one longer than the lease."""
    log_id = start(runtime, store_id, INCREMENTAL)
    fetching, answer = threading.Event(), threading.Event()
    outcomes: list[Turn] = []

    def is_leased() -> bool:
        row = root_conn.execute(LEASE, (log_id,)).fetchone()
        return row is not None and bool(row[0])

    def wait_for_answer(count: int) -> None:
        if count == 1:
            fetching.set()
            answer.wait(60)

    shop.before_fetch = wait_for_answer
    worker = in_thread(lambda: outcomes.append(turn(runtime, store_id, log_id, shop)))
    try:
        assert fetching.wait(30)
        # The first page is applied beside the fetch, and renews the lease, too.
        wait_until(lambda: read_log(runtime, store_id, log_id).received == 10, 30.0, "the first page")
        root_conn.execute(DUE, (log_id,))
        wait_until(is_leased, 20.0, "a renewal of the lease during the fetch")
        assert turn(runtime, store_id, log_id, MemoryShop()) is Turn.NOT_OURS
    finally:
        answer.set()
        worker.join()
    assert outcomes == [Turn.COMPLETED]

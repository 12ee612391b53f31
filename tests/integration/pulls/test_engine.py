"""The pull engine against a platform in memory: pages, watermarks, limits, interruptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from app.usecases.stores import create_store
from db.core.tenancy import tenant
from db.pulls.runs import pause_pull, resume_pull, retry_pull
from db.sync.logs import cancel_log
from db.sync.metadata import Metadata, get_metadata
from tests.support.pipeline import read_log
from tests.support.pulls import BEGIN, MemoryShop, busy, progress, revoked, run, start, turn
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.pulls.page_codec import FetchedPage, encode_page
from workers.pulls.start import AlreadyRunning, Wanted
from workers.pulls.turn import Turn

INCREMENTAL = Wanted("orders", "incremental")


@pytest.fixture
def store_id(conn: Connection) -> UUID:
    return create_store(conn, "TikTok shop", "tiktok").store_id


@pytest.fixture
def shop() -> MemoryShop:
    shop = MemoryShop()
    for number in range(1, 26):
        shop.change(number)
    return shop


def stored(root_conn: Connection, store_id: UUID) -> dict[int, tuple[Any, ...]]:
    query = "SELECT external_id, total::text, extract(epoch FROM date_modified)::bigint FROM orders WHERE store_id = %s"
    return {row[0]: row[1:] for row in root_conn.execute(query, (store_id,))}


def wanted_rows(shop: MemoryShop) -> dict[int, tuple[Any, ...]]:
    return {
        number: (f"{order['payment']['total_amount']}0000", order["update_time"])
        for number, order in shop.orders.items()
    }


def metadata(runtime: Runtime, store_id: UUID) -> Metadata:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        found = get_metadata(conn, store_id, "orders")
    assert found is not None
    return found


def test_first_pull_reads_everything_page_by_page(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    log = read_log(runtime, store_id, run(runtime, store_id, shop))
    assert stored(root_conn, store_id) == wanted_rows(shop)
    assert (log.status, log.received, log.inserted, log.records_skipped) == ("completed", 25, 25, 0)
    assert len(shop.fetches) == 3
    found = metadata(runtime, store_id)
    assert (found.last_sync_time, found.is_full_sync, found.records_synced) == (shop.clock, True, 25)
    assert found.last_record_time == shop.clock


def test_next_pull_starts_at_watermark_minus_overlap(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    shop.clock += timedelta(hours=1)
    shop.change(7)
    shop.change(99)
    shop.fetches.clear()
    log = read_log(runtime, store_id, run(runtime, store_id, shop))
    assert stored(root_conn, store_id) == wanted_rows(shop)
    assert len(shop.fetches) == 3  # 25 first orders lie within five minutes of the watermark
    assert (log.inserted, log.updated, log.unchanged) == (1, 1, 24)
    assert not metadata(runtime, store_id).is_full_sync


def test_unchanged_records_cause_no_write(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    rows = "SELECT external_id, xmin::text FROM orders WHERE store_id = %s ORDER BY 1"
    before = root_conn.execute(rows, (store_id,)).fetchall()
    log = read_log(runtime, store_id, run(runtime, store_id, shop, Wanted("orders", "full")))
    assert log.unchanged == 25
    assert root_conn.execute(rows, (store_id,)).fetchall() == before


def test_second_run_is_refused_with_the_first_id(runtime: Runtime, store_id: UUID) -> None:
    first = start(runtime, store_id, INCREMENTAL)
    with pytest.raises(AlreadyRunning) as refused:
        start(runtime, store_id, INCREMENTAL)
    assert refused.value.log_id == first
    assert start(runtime, store_id, Wanted("products", "incremental")) != first


def test_two_workers_never_share_a_pull(runtime: Runtime, store_id: UUID, shop: MemoryShop) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    others: list[Turn] = []
    shop.before_fetch = lambda _count: others.append(turn(runtime, store_id, log_id, MemoryShop()))
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert others == [Turn.NOT_OURS] * 3


def test_worker_that_lost_its_pull_changes_nothing(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)

    def take_over(count: int) -> None:
        if count == 1:
            shop.before_fetch = lambda _count: None
            wait_until(lambda: read_log(runtime, store_id, log_id).received == 10, 10.0, "the first page")
            root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
            assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED

    shop.before_fetch = take_over
    assert turn(runtime, store_id, log_id, shop) is Turn.NOT_OURS
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.received, log.inserted) == ("completed", 25, 25)


@pytest.mark.parametrize("max_records", [3, 10, 13])
def test_pulls_with_max_records_together_read_all(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection, max_records: int
) -> None:
    shop.clock = BEGIN
    for number in range(1, 101):
        shop.orders[number] = {**shop.orders[1], "id": str(number)}  # all of the same second
    wanted = Wanted("orders", "incremental", max_records=max_records)
    runs = -(-100 // max_records)
    for number in range(1, runs + 1):
        log = read_log(runtime, store_id, run(runtime, store_id, shop, wanted))
        assert log.received == min(max_records, 100 - (number - 1) * max_records)
        assert len(stored(root_conn, store_id)) == min(100, number * max_records)
        if number < runs:
            reached = metadata(runtime, store_id).last_sync_time
            assert reached is None or reached <= datetime.fromtimestamp(shop.orders[1]["update_time"], BEGIN.tzinfo)
    assert len(shop.fetches) == 10
    assert metadata(runtime, store_id).last_sync_time == shop.clock


def test_pull_yields_when_its_time_is_up(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    impatient = replace(runtime, settings=replace(runtime.settings, pull_turn_seconds=-1))
    impatient.stopping.clear()
    runtime.stopping.set()
    assert turn(runtime, store_id, log_id, shop) is Turn.YIELDED
    runtime.stopping.clear()
    assert read_log(runtime, store_id, log_id).phase == "queued"
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert stored(root_conn, store_id) == wanted_rows(shop)


def meanwhile(runtime: Runtime, store_id: UUID, shop: MemoryShop, change: Callable[[Connection], bool]) -> None:
    """Makes the change while the second page is fetched."""

    def before(count: int) -> None:
        if count == 1:
            with runtime.pool.connection() as other, tenant(other, store_id):
                assert change(other)

    shop.before_fetch = before


def test_paused_pull_stops_at_a_page_and_resumes_there(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, conn: Connection, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    meanwhile(runtime, store_id, shop, lambda other: pause_pull(other, store_id, log_id))
    assert turn(runtime, store_id, log_id, shop) is Turn.NOT_OURS
    assert read_log(runtime, store_id, log_id).status == "paused"
    assert turn(runtime, store_id, log_id, shop) is Turn.NOT_OURS
    with pytest.raises(AlreadyRunning):
        start(runtime, store_id, INCREMENTAL)
    shop.before_fetch = lambda _count: None
    shop.fetches.clear()
    with tenant(conn, store_id):
        assert resume_pull(conn, store_id, log_id) is not None
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert None not in shop.fetches  # not from the beginning
    assert stored(root_conn, store_id) == wanted_rows(shop)


def test_cancelled_pull_moves_no_watermark(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    meanwhile(runtime, store_id, shop, lambda other: cancel_log(other, store_id, log_id))
    assert turn(runtime, store_id, log_id, shop) is Turn.NOT_OURS
    assert read_log(runtime, store_id, log_id).status == "cancelled"
    with tenant(conn, store_id):
        assert get_metadata(conn, store_id, "orders") is None


def test_permanent_error_fails_and_a_retry_resumes(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, conn: Connection, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    shop.before_fetch = lambda count: shop.failures.append(revoked()) if count == 1 else None
    assert turn(runtime, store_id, log_id, shop) is Turn.FAILED
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.error_code, log.error_message) == ("failed", "ACCESS_REVOKED", "Connect the shop again.")
    assert log.received == 10
    shop.before_fetch = lambda _count: None
    shop.fetches.clear()
    with tenant(conn, store_id):
        assert retry_pull(conn, store_id, log_id) is not None
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert len(shop.fetches) == 2
    assert stored(root_conn, store_id) == wanted_rows(shop)


def test_failed_pull_is_not_retried_while_another_runs(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    shop.failures.append(revoked())
    assert turn(runtime, store_id, log_id, shop) is Turn.FAILED
    start(runtime, store_id, INCREMENTAL)
    with tenant(conn, store_id):
        assert retry_pull(conn, store_id, log_id) is None


def test_only_consecutive_failed_attempts_count(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    for _ in range(3):
        for _ in range(4):
            shop.failures.append(busy(retry_after=100.0))
            assert turn(runtime, store_id, log_id, shop) is Turn.RETRYING
            assert turn(runtime, store_id, log_id, shop) is Turn.NOT_OURS  # not due
            due = root_conn.execute("SELECT next_attempt_at - now() FROM sync_logs WHERE id = %s", (log_id,)).fetchone()
            assert due is not None and due[0] > timedelta(seconds=90)
            root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
        shop.before_fetch = lambda count: runtime.stopping.set()
        assert turn(runtime, store_id, log_id, shop) in (Turn.YIELDED, Turn.COMPLETED)
        runtime.stopping.clear()
        shop.before_fetch = lambda _count: None
    assert read_log(runtime, store_id, log_id).status == "completed"


def test_endless_errors_fail_with_the_platforms_reason(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    log_id = start(runtime, store_id, INCREMENTAL)
    outcomes = []
    for _ in range(5):
        shop.failures.append(busy())
        outcomes.append(turn(runtime, store_id, log_id, shop))
        root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
    assert outcomes == [Turn.RETRYING] * 4 + [Turn.FAILED]
    assert read_log(runtime, store_id, log_id).error_code == "PLATFORM_BUSY"


def test_stored_page_is_applied_without_fetching_again(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    # A trigger stands in for a worker that dies between storing a page and applying it.
    root_conn.execute(
        """CREATE FUNCTION burst() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$"""
    )
    root_conn.execute("CREATE TRIGGER burst BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION burst()")
    log_id = start(runtime, store_id, INCREMENTAL)
    try:
        assert turn(runtime, store_id, log_id, shop) is Turn.RETRYING
    finally:
        root_conn.execute("DROP TRIGGER burst ON orders; DROP FUNCTION burst()")
    assert progress(runtime, store_id, log_id).fetched == 10
    assert read_log(runtime, store_id, log_id).received == 0
    root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert shop.fetches.count(None) == 1
    assert stored(root_conn, store_id) == wanted_rows(shop)


def test_applied_page_makes_a_failed_attempt_the_first_one(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    """Its page was left by a worker that died: after it, one failed fetch is not the last of five."""
    log_id = start(runtime, store_id, INCREMENTAL)
    page = encode_page(FetchedPage(1, datetime.now(UTC), 0, [], []))
    root_conn.execute("UPDATE pull_runs SET page = %s WHERE log_id = %s", (page, log_id))
    root_conn.execute("UPDATE sync_logs SET attempts = 4 WHERE id = %s", (log_id,))
    shop.failures.append(busy())
    assert turn(runtime, store_id, log_id, shop) is Turn.RETRYING


def test_ended_pull_counts_for_its_store(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    facts = """SELECT e.record_count, e.last_record_time = m.last_record_time, m.records_synced, m.lowest_id, m.is_full_sync,
                      s.last_sync_at IS NOT NULL
                 FROM stores s
                 JOIN entity_stats e ON e.store_id = s.id AND e.entity = 'orders'
                 JOIN sync_metadata m ON m.store_id = s.id AND m.sync_type = 'orders'
                WHERE s.id = %s"""
    assert root_conn.execute(facts, (store_id,)).fetchone() == (25, True, 25, 1, True, True)


@pytest.mark.parametrize(
    ("wanted", "lowest"),
    [
        (Wanted("orders", "incremental"), 1),
        (Wanted("orders", "incremental", max_records=10), None),
        (Wanted("orders", "populate", days=10_000), None),
    ],
    ids=["everything", "the first ten", "of some days"],
)
def test_lowest_id_is_known_after_a_walk_over_everything(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection, wanted: Wanted, lowest: int | None
) -> None:
    run(runtime, store_id, shop, wanted)
    query = "SELECT lowest_id FROM sync_metadata WHERE store_id = %s"
    assert root_conn.execute(query, (store_id,)).fetchone() == (lowest,)


def test_populate_continues_after_the_highest_id_it_met(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    known = "SELECT populated_to, populated_from FROM sync_metadata WHERE store_id = %s"
    run(runtime, store_id, shop, Wanted("orders", "populate", days=10_000))
    before = root_conn.execute(known, (store_id,)).fetchone()
    assert before is not None and before[0] == 25 and before[1] is not None
    shop.change(26)
    run(runtime, store_id, shop, Wanted("orders", "populate", days=9_000))  # reads only what is newer
    assert root_conn.execute(known, (store_id,)).fetchone() == (26, before[1])
    run(runtime, store_id, shop, Wanted("orders", "populate", days=9_000, full_scan=True))
    assert root_conn.execute(known, (store_id,)).fetchone() == (26, before[1])
    run(runtime, store_id, shop, Wanted("orders", "populate"))
    assert root_conn.execute(known, (store_id,)).fetchone() == (26, None)


def test_populate_of_some_days_covers_only_a_part(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    """What is older was not read; and what is newer than the last id is a part, too."""
    query = "SELECT is_complete FROM sync_coverage WHERE store_id = %s ORDER BY id"
    wanted = (
        Wanted("orders", "populate", days=30, full_scan=True),
        Wanted("orders", "populate", days=30),
        Wanted("orders", "full"),
    )
    for one in wanted:
        run(runtime, store_id, shop, one)
    assert root_conn.execute(query, (store_id,)).fetchall() == [(False,), (False,), (True,)]


def test_bad_record_is_skipped_and_listed_by_its_index(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    del shop.orders[14]["payment"]
    log = read_log(runtime, store_id, run(runtime, store_id, shop))
    assert (log.received, log.inserted, log.invalid) == (25, 24, 1)
    found = root_conn.execute(
        "SELECT record_index, external_id, field, code FROM sync_record_errors WHERE log_id = %s", (log.id,)
    ).fetchall()
    assert found == [(13, "14", "payment", "required")]


def test_late_records_within_the_overlap_are_found(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    shop.arrive_late(200, timedelta(minutes=3))
    run(runtime, store_id, shop)
    assert 200 in stored(root_conn, store_id)
    found = metadata(runtime, store_id)
    assert (found.lateness, found.overlap) == (timedelta(minutes=3), timedelta(minutes=5))


def test_overlap_widens_for_later_records(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    shop.arrive_late(200, timedelta(minutes=20))
    run(runtime, store_id, shop)
    assert 200 not in stored(root_conn, store_id)
    run(runtime, store_id, shop, Wanted("orders", "full"))
    found = metadata(runtime, store_id)
    assert (found.worst_lateness, found.overlap) == (timedelta(minutes=20), timedelta(minutes=30))
    shop.arrive_late(201, timedelta(minutes=20))
    run(runtime, store_id, shop)
    assert {200, 201} <= stored(root_conn, store_id).keys()


def test_populate_writes_new_and_counts_existing(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, root_conn: Connection
) -> None:
    run(runtime, store_id, shop)
    before = stored(root_conn, store_id)
    shop.change(7, status="CANCELLED")
    shop.change(99)
    log = read_log(runtime, store_id, run(runtime, store_id, shop, Wanted("orders", "populate", full_scan=True)))
    assert (log.inserted, log.existing, log.records_skipped) == (1, 25, 25)
    after = stored(root_conn, store_id)
    assert after.pop(99) and after == before
    assert metadata(runtime, store_id).populated_to == 99

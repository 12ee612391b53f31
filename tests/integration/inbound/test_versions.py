"""Older never overwrites newer, in any order and on any number of workers; unchanged records cause no write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.support.factories import ID_FIELDS, MAKERS, TEXT_FIELDS, make_item, make_order
from tests.support.pipeline import accept_batch, read_log, sync
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

EARLY, LATE = "2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z"
SMALL_BOUND = 20_000


def stored(root_conn: Connection, store_id: UUID, entity: str = "orders") -> list[Any]:
    query = f"SELECT {TEXT_FIELDS[entity]} FROM {entity} WHERE store_id = %s ORDER BY external_id"
    return [row[0] for row in root_conn.execute(query.encode(), (store_id,))]


def record(entity: str, text: str, **more: Any) -> dict[str, Any]:
    return MAKERS[entity](**{TEXT_FIELDS[entity]: text}, **more)


def test_newer_wins_if_the_older_is_processed_later(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    older = accept_batch(runtime, store_id, "orders", [make_order(status="old", date_modified=EARLY)])
    sync(runtime, store_id, "orders", [make_order(status="new", date_modified=LATE)])
    assert process(runtime, store_id, older) is Outcome.COMPLETED
    assert stored(root_conn, store_id) == ["new"]
    assert read_log(runtime, store_id, older).stale == 1


def test_newer_wins_if_the_older_is_accepted_later(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(status="new", date_modified=LATE)])
    log = sync(runtime, store_id, "orders", [make_order(status="old", date_modified=EARLY, items=[])])
    assert (log.stale, log.records_synced) == (1, 1)
    assert stored(root_conn, store_id) == ["new"]
    assert root_conn.execute("SELECT count(*) FROM order_items WHERE store_id = %s", (store_id,)).fetchone() == (1,)


@pytest.mark.parametrize("entity", MAKERS)
@pytest.mark.parametrize("later_first", [True, False])
def test_equal_times_keep_the_later_accepted_record(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str, later_first: bool
) -> None:
    logs = [accept_batch(runtime, store_id, entity, [record(entity, text)]) for text in ("first", "second")]
    for log_id in reversed(logs) if later_first else logs:
        process(runtime, store_id, log_id)
    assert stored(root_conn, store_id, entity) == ["second"]


@pytest.mark.parametrize("entity", MAKERS)
@pytest.mark.parametrize("order", [*permutations("ABC")], ids="".join)
def test_state_confirmed_later_beats_one_in_between(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str, order: tuple[str, ...]
) -> None:
    # A says X, B says Y, C says X again: X wins, although C finds X stored and B is processed last.
    said = {"A": "X", "B": "Y", "C": "X"}
    logs = {name: accept_batch(runtime, store_id, entity, [record(entity, text)]) for name, text in said.items()}
    for name in order:
        assert process(runtime, store_id, logs[name]) is Outcome.COMPLETED
    assert stored(root_conn, store_id, entity) == ["X"]


def test_state_confirmed_later_beats_a_retried_log(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "customers", [record("customers", "X")])
    between = accept_batch(runtime, store_id, "customers", [record("customers", "Y")])
    fail = "UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'X' WHERE id = %s"
    root_conn.execute(fail, (between,))
    sync(runtime, store_id, "customers", [record("customers", "X")])
    root_conn.execute("UPDATE sync_logs SET status = 'running', phase = 'queued' WHERE id = %s", (between,))
    assert process(runtime, store_id, between) is Outcome.COMPLETED
    assert stored(root_conn, store_id, "customers") == ["X"]


@pytest.mark.parametrize("order", [*permutations("ACD")], ids="".join)
def test_order_without_own_time_uses_its_acceptance(
    runtime: Runtime, store_id: UUID, root_conn: Connection, order: tuple[str, ...]
) -> None:
    # A and C say X without a time, D says Y with an old one: C is the newest in every order of processing.
    timeless, dated = make_order(status="X", date_modified=None), make_order(status="Y", date_modified=EARLY)
    first = accept_batch(runtime, store_id, "orders", [timeless])
    root_conn.execute("UPDATE sync_logs SET accepted_at = '2026-01-01' WHERE id = %s", (first,))
    logs = {"A": first} | {
        n: accept_batch(runtime, store_id, "orders", [r]) for n, r in (("C", timeless), ("D", dated))
    }
    for name in order:
        process(runtime, store_id, logs[name])
    assert stored(root_conn, store_id) == ["X"]


def places(root_conn: Connection, store_id: UUID) -> list[Any]:
    """The place and writer of each row version: changes with any write."""
    rows = root_conn.execute(
        "SELECT 'o', ctid::text, xmin::text FROM orders WHERE store_id = %s", (store_id,)
    ).fetchall()
    query = "SELECT 'i', ctid::text, xmin::text FROM order_items WHERE store_id = %s"
    return sorted(rows + root_conn.execute(query, (store_id,)).fetchall())


def test_unchanged_records_are_not_written(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    orders = [make_order(wc_order_id=key, items=[make_item(), make_item(sku="B")]) for key in range(1, 51)]
    sync(runtime, store_id, "orders", orders)
    before = places(root_conn, store_id)
    assert sync(runtime, store_id, "orders", orders).unchanged == 50
    assert places(root_conn, store_id) == before


def test_unchanged_records_are_not_written_while_a_newer_log_waits(
    runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    before = places(root_conn, store_id)
    same = accept_batch(runtime, store_id, "orders", [make_order()])
    accept_batch(runtime, store_id, "orders", [make_order(status="newer")])
    assert process(runtime, store_id, same) is Outcome.COMPLETED
    assert places(root_conn, store_id) == before


def written_by_processing(runtime: Runtime, store_id: UUID, root_conn: Connection, orders: list[Any]) -> int:
    """Bytes of write-ahead log that processing one batch writes."""

    def position() -> Any:
        row = root_conn.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        return row and row[0]

    log_id = accept_batch(runtime, store_id, "orders", orders)
    before = position()
    process(runtime, store_id, log_id)
    return int(position() - before)


def test_unchanged_orders_write_only_the_log(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    orders = [make_order(wc_order_id=key) for key in range(1, 501)]
    first = written_by_processing(runtime, store_id, root_conn, orders)
    again = min(written_by_processing(runtime, store_id, root_conn, orders) for _ in range(3))
    assert again < SMALL_BOUND < first, (first, again)


def test_changed_item_changes_its_order(runtime: Runtime, store_id: UUID) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    assert sync(runtime, store_id, "orders", [make_order(items=[make_item(quantity=3)])]).updated == 1


def test_repeated_id_keeps_the_newer_then_the_later(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    orders = [
        make_order(status="newest", date_modified=LATE),
        make_order(status="old", date_modified=EARLY),
        make_order(wc_order_id=2000, status="first"),
        make_order(wc_order_id=2000, status="second"),
    ]
    log = sync(runtime, store_id, "orders", orders)
    assert (log.inserted, log.stale, log.records_synced) == (2, 2, 4)
    assert stored(root_conn, store_id) == ["newest", "second"]


@pytest.mark.parametrize("entity", MAKERS)
def test_concurrent_workers_end_in_the_last_accepted_state(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str
) -> None:
    # Keys come in opposite orders, so batches would deadlock if rows were written in the order received.
    logs = [
        accept_batch(runtime, store_id, entity, [record(entity, f"{n}", **{ID_FIELDS[entity]: key}) for key in keys(n)])
        for n in range(8)
    ]
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda log_id: process(runtime, store_id, log_id), reversed(logs)))
    for log_id, outcome in zip(reversed(logs), outcomes, strict=True):
        if outcome is Outcome.RETRYING:  # a deadlock would be retried, and is not expected
            wait_until(lambda log_id=log_id: process(runtime, store_id, log_id) is Outcome.COMPLETED)  # type: ignore[misc]
    assert outcomes == [Outcome.COMPLETED] * 8
    assert stored(root_conn, store_id, entity) == ["7"] * 20


def keys(number: int) -> list[int]:
    return list(range(1, 21)) if number % 2 else list(range(20, 0, -1))

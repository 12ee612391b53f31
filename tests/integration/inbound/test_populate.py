"""POPULATE inserts new records and skips existing ones, whatever their version."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from tests.support.factories import make_order
from tests.support.pipeline import sync
from workers.core.runtime import Runtime


def test_existing_records_are_skipped_and_counted(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(wc_order_id=1, status="old")])
    newer = [make_order(wc_order_id=n, status="new", date_modified="2026-02-01T00:00:00Z") for n in (1, 2)]
    log = sync(runtime, store_id, "orders", newer, mode="populate")
    assert (log.inserted, log.existing, log.records_synced, log.records_skipped) == (1, 1, 1, 1)
    found = root_conn.execute(
        "SELECT external_id, status FROM orders WHERE store_id = %s ORDER BY 1", (store_id,)
    ).fetchall()
    assert found == [(1, "old"), (2, "new")]


def test_repeated_record_is_inserted_once(runtime: Runtime, store_id: UUID) -> None:
    log = sync(runtime, store_id, "orders", [make_order(), make_order()], mode="populate")
    assert (log.inserted, log.stale, log.existing) == (1, 1, 0)

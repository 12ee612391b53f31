"""What each statement of an erasure finds and changes: two stores have the same ids, past row-level security."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.stores.erasure import (
    KeptPages,
    delete_customer,
    lock_kept_batches,
    lock_kept_pages,
    lock_kept_rests,
    replace_batch,
    replace_pages,
    replace_rest,
    take_over_pulls,
)
from tests.conftest import Database
from tests.support.factories import make_customer
from tests.support.pipeline import accept_batch
from tests.support.pulls import start
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted

LOG = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at, queue, error_code)
         VALUES (%(store_id)s, %(id)s, %(entity)s, 'plugin', 'upsert', %(status)s,
                 CASE WHEN %(status)s = 'running' THEN 'queued' END, 0, now(), %(queue)s, 'INTERNAL')
      RETURNING accepted_seq"""
BATCH = "INSERT INTO sync_payloads (store_id, log_id, body) VALUES (%s, %s, 'x')"
RUN = "INSERT INTO pull_runs (store_id, log_id, windows, options, page, rest_page) VALUES (%s, %s, '[]', '{}', %s, %s)"
REST = "INSERT INTO sync_metadata (store_id, sync_type, rest_page) VALUES (%s, %s, %s)"
ENTITIES = ("orders", "customers", "products")
NAMED = ("orders", "customers")  # these name a customer
BATCH_STATES = [("ingest", *kind, b"x", None) for kind in product(ENTITIES, ("running", "failed", "cancelled"))]
PULL_STATES = [
    ("pull", "orders", "running", b"page", None),
    ("pull", "customers", "paused", None, b"rest"),
    ("pull", "products", "running", b"page", b"rest"),
    *(("pull", entity, "failed", b"page", b"rest") for entity in ENTITIES),
    *(("pull", entity, "completed", None, None) for entity in ENTITIES),
]
Kind = tuple[str, str, str, bytes | None, bytes | None]  # queue, entity, status, page and rest
TABLES = (
    *("sync_logs", "sync_payloads", "pull_runs", "sync_metadata", "customers", "orders", "entity_stats"),
    *("sync_record_errors", "stale_arrivals"),
)


@dataclass(frozen=True)
class Place:
    """The logs of a store by their kind, with the number of their acceptance. Another store has the same ids."""

    conn: Connection
    store_id: UUID
    other_id: UUID
    logs: dict[Kind, tuple[UUID, int]]

    def rows(self) -> set[tuple[str, str]]:
        return {
            (table, row[0])
            for table in TABLES
            for row in self.conn.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
        }

    def changed_by(self, change: Callable[[], object]) -> list[str]:
        """The table of each row that is no more what it was."""
        before = self.rows()
        with self.conn.transaction(force_rollback=True):
            change()
            return sorted(table for table, _ in before - self.rows())


@pytest.fixture
def place(root_conn: Connection) -> Iterator[Place]:
    with root_conn.transaction(force_rollback=True):
        stores = [uuid4(), uuid4()]
        ids = {kind: uuid4() for kind in (*BATCH_STATES, *PULL_STATES)}
        logs: dict[Kind, tuple[UUID, int]] = {}
        for store_id in reversed(stores):
            root_conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A', 'woocommerce')", (store_id,))
            for kind, log_id in ids.items():
                queue, entity, status, page, rest = kind
                parameters = {"store_id": store_id, "id": log_id, "entity": entity, "status": status, "queue": queue}
                row = root_conn.execute(LOG, parameters).fetchone()
                assert row is not None
                logs[kind] = (log_id, row[0])
                if queue == "ingest":
                    root_conn.execute(BATCH, (store_id, log_id))
                else:
                    root_conn.execute(RUN, (store_id, log_id, page, rest))
            for entity, kept in (("orders", b"rest"), ("customers", None), ("products", b"rest")):
                root_conn.execute(REST, (store_id, entity, kept))
        yield Place(root_conn, stores[0], stores[1], logs)


def test_batches_that_may_name_a_customer_are_found_in_order(place: Place) -> None:
    expected = [
        (seq, log_id, kind[1])
        for kind, (log_id, seq) in place.logs.items()
        if kind[0] == "ingest" and kind[1] in NAMED and kind[2] in ("running", "failed")
    ]
    found = lock_kept_batches(place.conn, place.store_id, NAMED, 0, 100)
    assert [(batch.accepted_seq, batch.log_id, batch.entity) for batch in found] == sorted(expected)
    assert lock_kept_batches(place.conn, place.store_id, NAMED, 0, 2) == found[:2]
    assert lock_kept_batches(place.conn, place.store_id, NAMED, found[0].accepted_seq, 100) == found[1:]


def test_batch_is_replaced_alone(place: Place) -> None:
    log_id, _ = place.logs[BATCH_STATES[0]]
    assert place.changed_by(lambda: replace_batch(place.conn, place.store_id, log_id, b"y")) == ["sync_payloads"]


def test_open_pulls_that_may_name_a_customer_are_taken_over(place: Place) -> None:
    def epochs() -> set[UUID]:
        query = "SELECT log_id FROM pull_runs WHERE store_id = %s AND epoch = 1"
        return {row[0] for row in place.conn.execute(query, (place.store_id,)).fetchall()}

    assert place.changed_by(lambda: take_over_pulls(place.conn, place.store_id)) == ["pull_runs"] * 2
    take_over_pulls(place.conn, place.store_id)
    assert epochs() == {place.logs[kind][0] for kind in PULL_STATES[:2]}


def test_kept_pages_that_may_name_a_customer_are_found(place: Place) -> None:
    expected = {
        (log_id, kind[1], kind[3], kind[4])
        for kind, (log_id, _) in place.logs.items()
        if kind[0] == "pull" and kind[1] in NAMED and (kind[3] or kind[4])
    }
    found = lock_kept_pages(place.conn, place.store_id)
    assert {(one.log_id, one.entity, one.page, one.rest_page) for one in found} == expected
    assert len(found) == len(expected)


def test_pages_are_replaced_alone(place: Place) -> None:
    pages = KeptPages(place.logs[PULL_STATES[0]][0], "orders", b"y", b"z")
    assert place.changed_by(lambda: replace_pages(place.conn, place.store_id, pages)) == ["pull_runs"]


def test_rest_of_an_entity_is_found_and_replaced_alone(place: Place) -> None:
    assert lock_kept_rests(place.conn, place.store_id) == [("orders", b"rest")]
    assert place.changed_by(lambda: replace_rest(place.conn, place.store_id, "orders", b"y")) == ["sync_metadata"]


CUSTOMER = """INSERT INTO customers (store_id, id, external_id, source_updated_at, accepted_seq, content_hash)
              VALUES (%s, %s, %s, now(), 1, 'x')"""
ORDER = """INSERT INTO orders (store_id, id, external_id, date_created, status, total, customer_external_id, customer_id,
                               source_updated_at, accepted_seq, content_hash)
           VALUES (%s, gen_random_uuid(), %s, now(), 'new', 1, %s, %s, now(), 1, 'x')"""
STATS = "INSERT INTO entity_stats (store_id, entity, record_count, last_sync_time, records_synced) VALUES (%s, %s, 2, now(), 0)"
REMARK = """INSERT INTO sync_record_errors (store_id, log_id, record_index, external_id, field, code, reason)
            VALUES (%s, %s, %s, %s, 'x', 'x', 'x')"""
ARRIVAL = """INSERT INTO stale_arrivals (store_id, entity, external_id, log_id, offered_version)
             VALUES (%s, %s, %s, %s, now())"""


def add_people(place: Place) -> None:
    """Customers 42 and 43 of both stores, their orders, and what is kept about records with these numbers."""
    customer_ids = {42: uuid4(), 43: uuid4()}
    remarked = {entity: place.logs["ingest", entity, "failed", b"x", None][0] for entity in NAMED}
    for store_id in (place.store_id, place.other_id):
        for number, customer_id in customer_ids.items():
            place.conn.execute(CUSTOMER, (store_id, customer_id, number))
            place.conn.execute(ORDER, (store_id, number, number, customer_id))
            place.conn.execute(ORDER, (store_id, 100 + number, number, None))
            for entity, log_id in remarked.items():
                place.conn.execute(REMARK, (store_id, log_id, number, str(number)))
                place.conn.execute(ARRIVAL, (store_id, entity, number, log_id))
        for entity in NAMED:
            place.conn.execute(STATS, (store_id, entity))


def test_customer_is_deleted_from_each_table_alone(place: Place) -> None:
    add_people(place)
    gone = ["customers", "entity_stats", "orders", "orders", "stale_arrivals", "sync_record_errors"]
    assert place.changed_by(lambda: delete_customer(place.conn, place.store_id, 42, [])) == gone
    traces = delete_customer(place.conn, place.store_id, 42, [])
    assert (traces.orders, traces.customers, traces.remarks) == (2, 1, 2)
    orders = "SELECT external_id FROM orders WHERE store_id = %s AND customer_external_id IS NULL ORDER BY 1"
    assert place.conn.execute(orders, (place.store_id,)).fetchall() == [(42,), (142,)]
    left = "SELECT l.entity FROM sync_record_errors e JOIN sync_logs l USING (store_id) WHERE l.id = e.log_id"
    remarks = place.conn.execute(left + " AND store_id = %s AND external_id = '42'", (place.store_id,)).fetchall()
    assert remarks == [("orders",)]
    arrivals = "SELECT entity FROM stale_arrivals WHERE store_id = %s AND external_id = 42"
    assert place.conn.execute(arrivals, (place.store_id,)).fetchall() == [("orders",)]
    stats = "SELECT entity, record_count FROM entity_stats WHERE store_id = %s ORDER BY 1"
    assert place.conn.execute(stats, (place.store_id,)).fetchall() == [("customers", 1), ("orders", 2)]


def test_unknown_customer_changes_nothing(place: Place) -> None:
    add_people(place)
    assert place.changed_by(lambda: delete_customer(place.conn, place.store_id, 44, [])) == []
    traces = delete_customer(place.conn, place.store_id, 44, [])
    assert (traces.orders, traces.customers, traces.remarks) == (0, 0, 0)


LOCKS: dict[str, tuple[Callable[[Connection, UUID], object], str]] = {
    "batches": (
        lambda conn, store_id: lock_kept_batches(conn, store_id, NAMED, 0, 10),
        "sync_logs WHERE queue = 'ingest' AND",
    ),
    "pulls": (take_over_pulls, "sync_logs WHERE queue = 'pull' AND"),
    "pages": (lock_kept_pages, "pull_runs WHERE"),
    "rests": (lock_kept_rests, "sync_metadata WHERE"),
}


@pytest.mark.parametrize("what", LOCKS)
def test_what_is_read_is_locked_until_it_is_replaced(
    runtime: Runtime, root_conn: Connection, database: Database, store_id: UUID, what: str
) -> None:
    read, table = LOCKS[what]
    accept_batch(runtime, store_id, "customers", [make_customer()])
    start(runtime, store_id, Wanted("customers", "incremental"))
    root_conn.execute("UPDATE pull_runs SET page = 'x' WHERE store_id = %s", (store_id,))
    root_conn.execute(REST, (store_id, "customers", b"rest"))
    free = f"SELECT FROM {table} store_id = %s FOR UPDATE SKIP LOCKED".encode()
    with psycopg.connect(database.url) as eraser, tenant(eraser, store_id):
        assert len(root_conn.execute(free, (store_id,)).fetchall()) == 1
        read(eraser, store_id)
        assert root_conn.execute(free, (store_id,)).fetchall() == []

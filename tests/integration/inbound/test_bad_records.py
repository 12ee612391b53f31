"""One bad record never fails a batch: 499 of 500 arrive, and the bad one is listed by index, id, field and reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.usecases.stores import CreatedStore
from schemas.base.error_codes import REASONS
from tests.conftest import Database
from tests.support.factories import make_category, make_customer, make_order, make_product
from tests.support.pipeline import accept_batch, bearer, read_log, sync
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

SIZE = 500
BAD_AT = 123

BAD: dict[str, tuple[str, str, str]] = {  # the field's raw JSON, where it stands, and with which code it is refused
    "NUL": ("status", r'"a\u0000b"', "bad_characters"),
    "a lone surrogate": ("status", r'"\ud800"', "bad_characters"),
    "half a pair at the end": ("payment_method", r'"\ud83d"', "bad_characters"),
    "2**63": ("customer_id", str(2**63), "not_an_id"),
    "2**64 as id": ("wc_order_id", str(2**64), "not_an_id"),
    "NaN as text": ("total", '"NaN"', "not_a_number"),
    "Infinity as text": ("total", '"Infinity"', "not_a_number"),
    "the year 10000": ("date_created", '"10000-01-01T00:00:00Z"', "not_a_date"),
    "1e400": ("total", "1e400", "out_of_range"),
    "an exponent without bounds": ("total", "1e9999999999999999999", "out_of_range"),
    "a negative id": ("wc_order_id", "-5", "not_an_id"),
    "a boolean as number": ("total", "true", "not_a_number"),
    "an object as text": ("status", '{"a":1}', "not_text"),
    "a megabyte of text": ("status", json.dumps("x" * 1_000_000), "too_long"),
    "items that are no list": ("items", '{"0":{}}', "not_a_list"),
    "a date in the future": ("date_modified", '"2999-01-01"', "too_far_ahead"),
}


def posted(client: FlaskClient, store: CreatedStore, body: str) -> UUID:
    headers = bearer(store.token) | {"Content-Type": "application/json"}
    answer = client.post("/api/sync/orders", data=body.encode(), headers=headers)
    assert answer.status_code == 202
    return UUID((answer.json or {})["data"]["jobId"])


def batch_with(raw_record: str) -> str:
    """500 orders as JSON, one of them as given."""
    records = [json.dumps(make_order(wc_order_id=key + 1)) for key in range(SIZE)]
    records[BAD_AT] = raw_record
    return '{"orders":[' + ",".join(records) + "]}"


def errors_of(root_conn: Connection, log_id: UUID) -> list[Any]:
    query = "SELECT record_index, external_id, field, code FROM sync_record_errors WHERE log_id = %s ORDER BY 1, 3"
    return root_conn.execute(query, (log_id,)).fetchall()


def count_of(root_conn: Connection, store_id: UUID, table: str) -> int:
    row = root_conn.execute(f"SELECT count(*) FROM {table} WHERE store_id = %s".encode(), (store_id,)).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize(("field", "value", "code"), BAD.values(), ids=BAD)
def test_one_bad_order_of_500_is_skipped(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, field: str, value: str, code: str
) -> None:
    record = {name: kept for name, kept in make_order(wc_order_id=BAD_AT + 1).items() if name != field}
    log_id = posted(client, store, batch_with(json.dumps(record)[:-1] + f', "{field}": {value}}}'))
    assert process(runtime, store.store_id, log_id) is Outcome.COMPLETED
    known_id = value if field == "wc_order_id" else str(BAD_AT + 1)
    assert errors_of(root_conn, log_id) == [(BAD_AT, known_id, field, code)]
    assert count_of(root_conn, store.store_id, "orders") == SIZE - 1


@pytest.mark.parametrize("raw", ["null", "5", '"order"', "[]", "true"])
def test_record_that_is_no_object_fails_alone(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, raw: str
) -> None:
    log_id = posted(client, store, batch_with(raw))
    assert process(runtime, store.store_id, log_id) is Outcome.COMPLETED
    assert errors_of(root_conn, log_id) == [(BAD_AT, None, "*", "not_an_object")]


def test_bad_item_makes_only_its_order_invalid(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    order = make_order(wc_order_id=BAD_AT + 1)
    order["items"] = [order["items"][0], {"sku": 5}]
    log_id = posted(client, store, batch_with(json.dumps(order)))
    assert process(runtime, store.store_id, log_id) is Outcome.COMPLETED
    known = (BAD_AT, str(BAD_AT + 1))
    assert errors_of(root_conn, log_id) == [
        (*known, "items[1].product_name", "required"),
        (*known, "items[1].quantity", "required"),
        (*known, "items[1].sku", "not_text"),
    ]
    log = read_log(runtime, store.store_id, log_id)
    assert (log.records_synced, log.invalid, log.records_skipped) == (SIZE - 1, 1, 1)


def test_batch_of_only_bad_records_completes(runtime: Runtime, store_id: UUID) -> None:
    log = sync(runtime, store_id, "orders", [{}, None, 5])
    assert (log.status, log.records_synced, log.invalid) == ("completed", 0, 3)


def test_no_value_of_a_bad_record_is_stored(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log = sync(runtime, store_id, "orders", [make_order(wc_order_id="secret", status={"secret": 1}, total="secret")])
    rows = root_conn.execute("SELECT e::text FROM sync_record_errors e WHERE log_id = %s", (log.id,)).fetchall()
    assert len(rows) == 3 and "secret" not in repr(rows)


@contextmanager
def constraint(database: Database, table: str, check: str) -> Iterator[None]:
    """A rule of the database that validation does not have."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(f"ALTER TABLE {table} ADD CONSTRAINT odd CHECK ({check}) NOT VALID".encode())
        try:
            yield
        finally:
            owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT odd".encode())


ODD: list[tuple[str, str, str, list[dict[str, Any]]]] = [
    ("orders", "orders", "external_id <> 13", [make_order(wc_order_id=key) for key in range(1, 51)]),
    ("orders", "order_items", "quantity <> 13", [
        make_order(wc_order_id=key, items=[make_order()["items"][0] | {"quantity": key}]) for key in range(1, 51)]),
    ("products", "products", "external_id <> 13", [make_product(wc_product_id=key) for key in range(1, 51)]),
    ("customers", "customers", "external_id <> 13", [make_customer(wc_customer_id=key) for key in range(1, 51)]),
    ("categories", "categories", "external_id <> 13", [make_category(wc_category_id=key) for key in range(1, 51)]),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "table", "check", "records"), ODD, ids=[case[1] for case in ODD])
def test_record_refused_by_the_database_is_isolated(
    runtime: Runtime, store_id: UUID, root_conn: Connection, database: Database,
    entity: str, table: str, check: str, records: list[Any],
) -> None:  # fmt: skip
    with constraint(database, table, check):
        log = sync(runtime, store_id, entity, records)
    assert (log.inserted, log.invalid) == (49, 1)
    assert errors_of(root_conn, log.id) == [(12, "13", "*", "refused_by_database")]
    assert count_of(root_conn, store_id, entity) == 49


def test_refused_records_are_listed_without_database_text(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, database: Database
) -> None:
    records = [make_order(wc_order_id=key) for key in range(1, 41)] + [{}]
    with constraint(database, "orders", "external_id % 10 <> 0"):
        log = sync(runtime, store.store_id, "orders", records)
    assert (log.inserted, log.invalid) == (36, 5)
    answer = client.get(f"/api/sync/jobs/{log.id}/errors", headers=bearer(store.token)).json or {}
    reasons = {error["reason"] for error in answer["data"]["errors"] if error["code"] == "refused_by_database"}
    assert reasons == {REASONS["refused_by_database"]}


def test_refused_change_leaves_the_row_unchanged(
    runtime: Runtime, store_id: UUID, root_conn: Connection, database: Database
) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    with constraint(database, "orders", "status <> 'odd'"):
        log = sync(runtime, store_id, "orders", [make_order(status="odd", items=[]), make_order(wc_order_id=2)])
    assert (log.inserted, log.updated, log.invalid) == (1, 0, 1)
    query = (
        "SELECT status, (SELECT count(*) FROM order_items i WHERE i.order_id = o.id) FROM orders o WHERE store_id = %s"
    )
    assert sorted(root_conn.execute(query, (store_id,)).fetchall()) == [("completed", 1), ("completed", 1)]


def test_retry_replaces_the_reported_errors(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [{}])
    stale = "INSERT INTO sync_record_errors VALUES (%s, %s, 0, NULL, 'of an earlier try', 'required', 'x')"
    root_conn.execute(stale, (store_id, log_id))
    process(runtime, store_id, log_id)
    assert "of an earlier try" not in [row[2] for row in errors_of(root_conn, log_id)]


def test_a_failure_of_the_database_is_blamed_on_no_record(
    runtime: Runtime, store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt fails at once: no second write is tried to find a bad record."""
    calls: list[object] = []

    def fail(*_arguments: object) -> Any:
        calls.append(_arguments)
        raise psycopg.errors.DeadlockDetected

    monkeypatch.setattr("workers.inbound.apply.upsert", fail)
    log_id = accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=key + 1) for key in range(4)])
    assert process(runtime, store_id, log_id) is Outcome.RETRYING
    assert len(calls) == 1

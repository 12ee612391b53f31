"""A database from before the baseline is taken over with its data, and is then like a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from db.core.migrate import MigrationError, migrate, newest_migration, pending, read_schema
from schemas.records.shop import Customer, Order, Product
from tests.conftest import Database, Servers
from tests.support.catalogue import describe
from tests.support.old_schema import ROWS, Row, empty_database, fill, old_database, read_all
from workers.pulls.page_codec import decode_page

NUMBERS = [f"{number:04}" for number in range(15, 23)]
STEPS = {step.name for step in read_schema().takeover}
BASELINE, *AFTER_BASELINE = [migration.name for migration in read_schema().migrations]
# Tables whose rows tell of the migrations themselves.
RECORDS_OF_FILES = {"schema_migrations", "schema_functions"}
SCOPES = {"store": ["ingest", "read", "pull"], "admin": ["ingest", "read", "erp", "pull", "admin"]}
SCOPES["operator"] = SCOPES["admin"]


def named_after(entity: str) -> Callable[[Row], Row]:
    """The id under the platform's own name becomes external_id."""

    def change(row: Row) -> Row:
        ids = [row.pop(f"{platform}_{entity}_id", None) for platform in ("wc", "shopify", "tiktok")]
        (external_id,) = [found for found in ids if found is not None]
        return row | {"external_id": external_id}

    return change


def renamed(**names: str) -> Callable[[Row], Row]:
    return lambda row: {names.get(name, name): value for name, value in row.items()}


def hashed_key(row: Row) -> Row:
    key = row["idempotency_key"]
    return row | {
        "unlisted_errors": 0,
        "idempotency_key": hashlib.sha256(key.encode()).hexdigest() if key is not None else None,
    }


def without_pages(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("page", "rest_page")}


# What becomes of a row; a table that is not listed keeps its rows as they are.
CHANGES: dict[str, list[Callable[[Row], Row]]] = {
    "orders": [renamed(wc_customer_id="customer_external_id"), named_after("order")],
    "order_items": [renamed(wc_product_id="product_external_id")],
    "products": [renamed(wc_category_id="category_external_id"), named_after("product")],
    "customers": [named_after("customer"), lambda row: row | {"email_key": None}],
    "categories": [renamed(wc_category_id="external_id", wc_parent_id="parent_external_id")],
    "sync_logs": [hashed_key],
    "sync_record_errors": [lambda row: row | {"external_id": {"007": "7"}.get(row["external_id"], row["external_id"])}],
    "api_tokens": [lambda row: row | {"scopes": SCOPES[row["role"]], "label": None, "created_by": None}],
    "wc_sync_items": [renamed(weighed="checked_by_brakes")],
    "erp_products": [renamed(part_hashes="group_hashes")],
    "wc_product_sync_mappings": [
        renamed(
            sent_hashes="seen_hashes",
            sent_parts="seen_hashes",
            sent_regular_price="seen_regular_price",
            sent_stock="seen_stock",
        )
    ],
    "alerts": [renamed(raise_told_at="raise_notified_at", recovery_told_at="recovery_notified_at")],
    "pull_runs": [without_pages],
    "sync_metadata": [without_pages],
}


def expected(table: str, rows: list[Row]) -> list[Row]:
    for change in CHANGES.get(table, []):
        rows = [change(row) for row in rows]
    return rows


def sorted_rows(rows: list[Row]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@pytest.fixture(scope="module")
def fresh(servers: Servers) -> Iterator[Connection]:
    """A new database, as its superuser sees it."""
    with empty_database(servers) as made:
        migrate(made.owner_url)
        with psycopg.connect(made.superuser_url, autocommit=True) as conn:
            yield conn


@dataclass(frozen=True)
class Filled:
    """A database of 0015 with rows in every table, taken over; its rows before and after."""

    database: Database
    before: dict[str, list[Row]]
    after: dict[str, list[Row]]


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[Filled]:
    with old_database(servers) as made, psycopg.connect(made.superuser_url, autocommit=True) as conn:
        fill(conn)
        before = read_all(conn)
        migrate(made.owner_url)
        yield Filled(made, before, read_all(conn))


@pytest.fixture
def taken_over(filled: Filled) -> Iterator[Connection]:
    with psycopg.connect(filled.database.superuser_url, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize(
    "newest",
    [pytest.param(number, marks=() if number in ("0015", "0021", "0022") else pytest.mark.slow) for number in NUMBERS],
)
def test_taken_over_schema_equals_a_new_one(servers: Servers, fresh: Connection, newest: str) -> None:
    with old_database(servers, newest) as made:
        changes = migrate(made.owner_url)
        taken = [name[:4] for name in changes.migrations if name in STEPS]
        assert changes.taken_over and taken == NUMBERS[NUMBERS.index(newest) + 1 :]
        assert changes.migrations[len(taken) :] == AFTER_BASELINE
        with psycopg.connect(made.superuser_url, autocommit=True) as conn:
            assert describe(conn) == describe(fresh)


def test_description_covers_the_schema(fresh: Connection) -> None:
    lines = describe(fresh)
    assert len(lines) > 900
    for kind in (
        "table",
        "column",
        "constraint",
        "index",
        "policy",
        "grant",
        "trigger",
        "function",
        "sequence",
        "view",
    ):
        assert any(line.startswith(f"{kind} ") for line in lines), kind


def test_primary_key_is_the_youngest_index(fresh: Connection) -> None:
    """While a table is new the planner takes the youngest of equal indexes, and foreign keys need the primary key."""
    query = """SELECT DISTINCT ON (i.indrelid) i.indexrelid::regclass::text FROM pg_index i
                WHERE i.indrelid IN ('orders'::regclass, 'products'::regclass, 'customers'::regclass)
                ORDER BY i.indrelid, i.indexrelid DESC"""
    assert {row[0] for row in fresh.execute(query)} == {"orders_pkey", "products_pkey", "customers_pkey"}


def test_filled_database_gets_the_same_schema(taken_over: Connection, fresh: Connection) -> None:
    assert describe(taken_over) == describe(fresh)


@pytest.mark.parametrize("table", ROWS)
def test_rows_of_each_table_are_kept(filled: Filled, table: str) -> None:
    before, after = filled.before[table], filled.after[table]
    if table in ("pull_runs", "sync_metadata"):
        after = [without_pages(row) for row in after]
    wanted = expected(table, before)
    assert len(before) >= len(ROWS[table])
    # A migration after the baseline may add columns.
    assert sorted_rows([{name: row[name] for name in wanted[0]} for row in after]) == sorted_rows(wanted)


def test_new_tables_equal_those_of_a_new_database(filled: Filled, fresh: Connection) -> None:
    rows, new = filled.after, read_all(fresh)
    assert set(rows) == set(new)
    made = set(new) - set(ROWS) - RECORDS_OF_FILES
    assert made >= {"platforms", "entities", "store_storage", "audit_events"}
    for table in made:
        assert rows[table] == new[table]
    for table in RECORDS_OF_FILES:
        assert [(row["name"], row["checksum"]) for row in sorted(rows[table], key=lambda row: row["name"])] == [
            (row["name"], row["checksum"]) for row in sorted(new[table], key=lambda row: row["name"])
        ]


PAGES = """SELECT l.entity, p.body FROM pull_runs r JOIN sync_logs l ON l.store_id = r.store_id AND l.id = r.log_id
            CROSS JOIN unnest(ARRAY[r.page, r.rest_page]) p (body) WHERE p.body IS NOT NULL
            UNION ALL SELECT sync_type, rest_page FROM sync_metadata WHERE rest_page IS NOT NULL"""


def test_waiting_pages_can_be_decoded(taken_over: Connection) -> None:
    pages: dict[str, list[Any]] = {}
    for entity, body in taken_over.execute(PAGES).fetchall():
        pages.setdefault(entity, []).append(decode_page(entity, bytes(body)).records)
    (order,) = {record for ((_, record),) in pages["orders"]}
    assert isinstance(order, Order) and len(pages["orders"]) == 3
    assert (order.external_id, order.customer_external_id, order.items[0].product_external_id) == (41, 42, 43)
    assert order.status == '"wc_order_id":'
    (product,) = {record for ((_, record),) in pages["products"]}
    assert isinstance(product, Product) and (product.external_id, product.category_external_id) == (51, 52)
    (customer,) = {record for ((_, record),) in pages["customers"]}
    assert isinstance(customer, Customer) and customer.external_id == 61


def test_sequence_of_acceptance_continues(taken_over: Connection) -> None:
    row = taken_over.execute("SELECT nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq'))").fetchone()
    assert row == (7,)


def test_takeover_is_recorded_as_the_baseline(taken_over: Connection) -> None:
    names = taken_over.execute("SELECT name FROM schema_migrations ORDER BY name").fetchall()
    assert [name for (name,) in names] == [BASELINE, *AFTER_BASELINE]
    assert newest_migration(taken_over) == [BASELINE, *AFTER_BASELINE][-1]


def test_second_run_changes_nothing(filled: Filled) -> None:
    assert not migrate(filled.database.owner_url)
    assert pending(filled.database.url) == []


def test_application_sees_what_takeover_lacks(servers: Servers) -> None:
    with old_database(servers, "0021") as made:
        assert pending(made.url)[:2] == ["0022_plain_names", BASELINE]


def test_database_before_0015_is_refused(servers: Servers) -> None:
    with old_database(servers) as made:
        with psycopg.connect(made.owner_url, autocommit=True) as conn:
            conn.execute("DELETE FROM schema_migrations WHERE name >= '0014'")
        with pytest.raises(MigrationError, match="older than 0015_cheaper_accept"):
            migrate(made.owner_url)

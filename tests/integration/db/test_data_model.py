"""docs/data-model.md: its tables and columns exist, and each query runs as the role that it tells to create."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection, sql

from app.usecases.stores import CreatedStore, create_store
from tests.conftest import Database
from tests.support.factories import make_customer, make_order
from tests.support.paths import ROOT
from tests.support.pipeline import sync
from workers.core.runtime import Runtime

TEXT = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sql\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
SET_STORE, CREATE_ROLE, *QUERIES = BLOCKS
TABLE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


@pytest.fixture
def filled(runtime: Runtime, store: CreatedStore) -> CreatedStore:
    sync(runtime, store.store_id, "customers", [make_customer()])
    sync(runtime, store.store_id, "orders", [make_order(), make_order(wc_order_id=2, currency="EUR"), {}])
    return store


@pytest.fixture
def analyst(database: Database, root_conn: Connection) -> Iterator[Connection]:
    root_conn.execute(CREATE_ROLE.encode())
    try:
        with psycopg.connect(database.superuser_url, autocommit=True) as conn:
            conn.execute("SET ROLE analyst")
            yield conn
    finally:
        root_conn.execute("DROP OWNED BY analyst")
        root_conn.execute("DROP ROLE analyst")


def test_the_documents_queries_run_for_one_store(analyst: Connection, conn: Connection, filled: CreatedStore) -> None:
    other = create_store(conn, "Next door", "woocommerce").store_id
    found: dict[str, int] = {}
    for store_id in (filled.store_id, other):
        with analyst.transaction():
            analyst.execute(SET_STORE.replace("<id of the store>", str(store_id)).encode())
            for query in QUERIES:
                rows = analyst.execute(query.encode()).fetchall()
                found[query] = found.get(query, 0) + len(rows)
                assert store_id == filled.store_id or rows == []
    assert len(QUERIES) == 5
    turnover, *_, freshness, skipped = QUERIES
    assert (found[turnover], found[freshness]) == (2, 2)  # two currencies; two kinds of data
    assert found[skipped] >= 1


def test_without_a_store_the_documents_role_sees_nothing(analyst: Connection, filled: CreatedStore) -> None:
    assert filled.store_id
    for table in TABLE.findall(TEXT):
        count = analyst.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert count == (0,), table


def test_the_tables_keys_are_as_documented(root_conn: Connection) -> None:
    unique = """SELECT i.indrelid::regclass::text, array_agg(a.attname::text)
                  FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                 WHERE i.indisunique AND i.indpred IS NULL GROUP BY i.indexrelid, i.indrelid"""
    keys = {(table, frozenset(columns)) for table, columns in root_conn.execute(unique.encode())}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| \((`[^)]+`)\)", TEXT, re.MULTILINE)
    assert len(rows) == 8
    missing = [row for row in rows if (row[0], frozenset(re.findall(r"`(\w+)`", row[1]))) not in keys]
    assert missing == []

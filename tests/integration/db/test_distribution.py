"""Tables can be spread over servers by store_id: every key and reference begins with it."""

from __future__ import annotations

import re

import pytest
from psycopg import Connection

from tests.support.paths import ROOT

# Read before a store is known, or kept after it is deleted: not spread.
EVERYWHERE = {"api_tokens", "audit_events"}
LISTS = {"platforms", "entities"}  # small and the same for all: references to them go by name
ROOT_TABLE = "stores"  # spread by its own id, which is what store_id refers to
TENANT_TABLES = """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'
                    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped"""
UNIQUE_KEYS = """SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text,
                        pg_get_indexdef(i.indexrelid, 1, true)
                   FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                  WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace"""
PLAIN_KEYS = """SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid, 1, true)
                  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                 WHERE NOT i.indisunique AND c.relnamespace = 'public'::regnamespace"""
REFERENCES = """SELECT k.conrelid::regclass::text, k.conname, k.confrelid::regclass::text,
                       (SELECT array_agg(a.attname::text ORDER BY n.place)
                          FROM unnest(k.conkey) WITH ORDINALITY n (number, place)
                          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number),
                       (SELECT array_agg(a.attname::text ORDER BY n.place)
                          FROM unnest(k.confkey) WITH ORDINALITY n (number, place)
                          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number)
                  FROM pg_constraint k
                 WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace"""
# Citus's function, which here only tells what it was called with.
STAND_IN = """CREATE FUNCTION create_distributed_table(name text, key text, colocate_with text) RETURNS text
              LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN name; END $$"""
# Read across stores, by age or due time: by the dispatcher, metrics and operators.
ACROSS_STORES = {
    *("sync_logs_by_age", "wc_sync_items_by_age", "schedules_due"),
    *("alerts_to_notify", "wc_sync_items_late", "stores_by_age"),
}


@pytest.fixture
def spread(root_conn: Connection) -> set[str]:
    """The tables to spread."""
    return {row[0] for row in root_conn.execute(TENANT_TABLES).fetchall()} - EVERYWHERE


def test_tenant_tables_are_found(spread: set[str]) -> None:
    assert {"orders", "order_items", "sync_logs", "sync_payloads", "wc_sync_items"} <= spread
    assert len(spread) > 20


def test_scaling_guide_spreads_every_table(root_conn: Connection, spread: set[str]) -> None:
    """Each table comes after those that it refers to."""
    guide = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"^WITH RECURSIVE .*?;$", guide, re.DOTALL | re.MULTILINE)
    (preparation,) = re.findall(r"^ALTER TABLE .*?;$", guide, re.MULTILINE)
    with root_conn.transaction(force_rollback=True):
        root_conn.execute(preparation.encode())
        root_conn.execute(STAND_IN.encode())
        listed = [row[0] for row in root_conn.execute(query.encode()).fetchall()]
        references = [(row[0], row[2]) for row in root_conn.execute(REFERENCES).fetchall()]
    assert len(listed) == len(spread) and set(listed) == spread
    for table, target in references:
        if table != target and {table, target} <= spread:
            assert listed.index(target) < listed.index(table)


def test_unique_keys_begin_with_the_store(root_conn: Connection, spread: set[str]) -> None:
    found = root_conn.execute(UNIQUE_KEYS).fetchall()
    assert {table for table, _, _ in found} >= spread
    assert [index for table, index, first in found if table in spread and first != "store_id"] == []
    assert [first for table, _, first in found if table == ROOT_TABLE] == ["id"]


def test_references_begin_with_the_store_on_both_sides(root_conn: Connection, spread: set[str]) -> None:
    found = [row for row in root_conn.execute(REFERENCES).fetchall() if row[0] in spread]
    assert {row[0] for row in found} == spread
    wrong = [
        name
        for _, name, target, own, theirs in found
        if target not in LISTS
        and (
            own[0] != "store_id"
            or theirs[0] != ("id" if target == ROOT_TABLE else "store_id")
            or target not in {*spread, ROOT_TABLE}
        )
    ]
    assert wrong == []


def test_other_indexes_begin_with_the_store(root_conn: Connection, spread: set[str]) -> None:
    found = root_conn.execute(PLAIN_KEYS).fetchall()
    tenants = [(index, first) for table, index, first in found if table in {*spread, ROOT_TABLE}]
    assert {index for index, first in tenants if first != "store_id"} == ACROSS_STORES

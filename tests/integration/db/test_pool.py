"""Connections of the pool discard plans that were made on a small table."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from db.core.pool import Pool, SluiceConnection, check_if_idle, open_pool
from tests.conftest import Database

ROWS = 20_000


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    opened = open_pool(database.url, 1, "test")
    yield opened
    opened.close()


def plan_of(conn: SluiceConnection, tenant: UUID) -> str:
    rows = conn.execute(f"EXPLAIN EXECUTE find ('{tenant}', 7)".encode()).fetchall()
    return "\n".join(row[0] for row in rows)


def planned_on_a_small_table(conn: SluiceConnection, tenant: UUID) -> None:
    """Then fill it: the generic plan stays until the table is analysed."""
    conn.execute("SET plan_cache_mode = force_generic_plan")
    conn.execute("CREATE TEMPORARY TABLE found (store_id uuid, id bigint, PRIMARY KEY (store_id, id))")
    conn.execute("INSERT INTO found VALUES (%s, 0)", (tenant,))
    conn.execute("ANALYZE found")
    conn.execute("PREPARE find (uuid, bigint) AS SELECT FROM found WHERE store_id = $1 AND id = $2")
    assert "Seq Scan" in plan_of(conn, tenant)
    conn.execute("INSERT INTO found SELECT %s, n FROM generate_series(1, %s) n", (tenant, ROWS))


def test_plan_made_on_a_small_table_is_discarded(pool: Pool) -> None:
    tenant = uuid4()
    with pool.connection() as conn:
        planned_on_a_small_table(conn, tenant)
        assert "Seq Scan" in plan_of(conn, tenant)
        conn.plans_since = float("-inf")
        check_if_idle(conn)
        assert "Index" in plan_of(conn, tenant)


def test_plans_are_kept_for_seconds(pool: Pool) -> None:
    tenant = uuid4()
    with pool.connection() as conn:
        planned_on_a_small_table(conn, tenant)
        conn.plans_since = float("inf")
        check_if_idle(conn)
        assert "Seq Scan" in plan_of(conn, tenant)

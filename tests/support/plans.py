"""How PostgreSQL runs our statements: each is recorded as it is sent, and explained with what it was sent with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString, cast
from uuid import UUID

import pytest
from psycopg import Connection, Cursor, Rollback
from psycopg.abc import Params, Query
from psycopg.rows import tuple_row

from db.core.tenancy import tenant
from tests.conftest import Database

Node = dict[str, Any]
Ask = Callable[[Connection, UUID], object]


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it went to the server."""

    query: LiteralString
    params: Params | None


class Recorder(Cursor[Any]):
    """Notes what it executes in the list that the connection carries."""

    def execute(self, query: Query, params: Params | None = None, **options: Any) -> Recorder:
        sent = getattr(self.connection, "sent", None)
        if sent is not None and isinstance(query, str):
            sent.append(Sent(query, params))
        return super().execute(cast(LiteralString, query), params, **options)


class Listening(Connection[tuple[Any, ...]]):
    """A connection that remembers its statements."""

    sent: list[Sent] | None = None


@pytest.fixture
def listening(database: Database) -> Iterator[Listening]:
    with Listening.connect(database.url, autocommit=True, row_factory=tuple_row, cursor_factory=Recorder) as conn:
        yield conn


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement's plan as it was run. `blocks`: pages of 8 kB that it looked into, those of functions included."""

    query: str
    root: Node

    @property
    def blocks(self) -> int:
        return int(self.root["Shared Hit Blocks"]) + int(self.root["Shared Read Blocks"])

    @property
    def rows_read(self) -> int:
        """Rows that were looked at in tables; those that a filter threw away count, those within functions don't."""
        return sum(_rows_read(node) for node in nodes(self.root) if "Relation Name" in node)

    @property
    def read_whole(self) -> set[str]:
        """Tables of which every page is read."""
        return {node["Relation Name"] for node in nodes(self.root) if node["Node Type"] == "Seq Scan"}

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in nodes(self.root) if "Index Name" in node}


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def _rows_read(node: Node) -> int:
    once: float = (
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    )
    loops: int = node["Actual Loops"]
    return round(once * loops)


def explained(conn: Listening, store_id: UUID, ask: Ask) -> list[Plan]:
    """The plans of what `ask` sends, inside the store's wall; nothing of it lasts."""
    plans: list[Plan] = []
    with tenant(conn, store_id):
        sent: list[Sent] = []
        conn.sent = sent
        ask(conn, store_id)
        conn.sent = None
        plans = plans_of(conn, sent)
        raise Rollback
    return plans


def count_scans(conn: Connection, index: str) -> int:
    """How often this transaction has gone into the index so far: shows what a function reads, of which a plan is silent."""
    row = conn.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", (index,)).fetchone()
    assert row is not None
    return int(row[0])


def plans_of(conn: Connection, sent: list[Sent]) -> list[Plan]:
    """Run each statement again and say how; in the transaction of the caller, who rolls it back."""
    return [_plan(conn, statement) for statement in sent]


def _plan(conn: Connection, statement: Sent) -> Plan:
    explained = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.query, statement.params).fetchone()
    assert explained is not None
    found = explained[0] if isinstance(explained[0], list) else json.loads(explained[0])
    return Plan(statement.query, found[0]["Plan"])

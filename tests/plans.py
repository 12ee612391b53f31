"""How PostgreSQL runs our statements: each is recorded as it is sent, and explained with what it was sent with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString, cast

from psycopg import Connection, Cursor
from psycopg.abc import Params, Query

Node = dict[str, Any]


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


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement's plan as it was run. `blocks`: pages of 8 kB that it looked into, those of functions included."""

    query: str
    root: Node

    @property
    def blocks(self) -> int:
        return int(self.root["Shared Hit Blocks"]) + int(self.root["Shared Read Blocks"])

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


def plans_of(conn: Connection, sent: list[Sent]) -> list[Plan]:
    """Run each statement again and say how; in the transaction of the caller, who rolls it back."""
    return [_plan(conn, statement) for statement in sent]


def _plan(conn: Connection, statement: Sent) -> Plan:
    explained = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.query, statement.params).fetchone()
    assert explained is not None
    found = explained[0] if isinstance(explained[0], list) else json.loads(explained[0])
    return Plan(statement.query, found[0]["Plan"])

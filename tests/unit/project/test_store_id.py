"""Every query on a tenant's table names the store: row-level security is the second wall, and not the only one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.support.paths import ROOT

DB = ROOT / "db"
QUERY_FILES = sorted(path for path in DB.rglob("*.sql") if path.with_suffix(".py").exists())
# Queries that may leave the store out, each with its reason. Functions that look across stores are no queries on a table.
OF_OPERATORS = "an operator's token belongs to no store; queries name the role instead, as the tables' owner"
EXCEPTIONS = {
    ("core/backup.sql", "count_rows"): "a backup holds all stores, and counts the rows of each table to check itself",
    ("stores/operator_tokens.sql", "insert_operator_token"): OF_OPERATORS,
    ("stores/operator_tokens.sql", "list_operator_tokens"): OF_OPERATORS,
    ("stores/operator_tokens.sql", "retire_operator_token"): OF_OPERATORS,
    ("stores/operator_tokens.sql", "revoke_operator_token"): OF_OPERATORS,
}

HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
CREATED = re.compile(r"^CREATE TABLE (\w+) \((.*?)^\)", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"--[^\n]*")
TEXT = re.compile(r"'[^']*'")
STATEMENT = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b")
UNION = re.compile(r"\b(?:UNION(?: ALL)?|INTERSECT|EXCEPT)\b")
PARAMETER = "%(store_id)s"
EQUALITY = re.compile(r"(?<![\w.])((?:\w+\.)?(?:store_id|id)) = (%\(store_id\)s|\w+\.(?:store_id|id)\b)")


@cache
def tenant_tables() -> frozenset[str]:
    """The tables with a store_id, the stores themselves, and `{table}`, which stands for any entity's."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((DB / "migrations").glob("*.sql"))]
    created = [found for text in texts for found in CREATED.findall(text)]
    return frozenset({name for name, body in created if re.search(r"\bstore_id\b", body)} | {"stores", "{table}"})


def queries() -> Iterator[tuple[str, str, str]]:
    """File, name and text of each named query."""
    for path in QUERY_FILES:
        parts = HEADER.split(path.read_text(encoding="utf-8"))[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            yield str(path.relative_to(DB)), name, TEXT.sub("''", COMMENT.sub("", text))


@dataclass(frozen=True)
class Reference:
    """A table of tenants in one SELECT, and the name that its columns have there."""

    table: str
    name: str

    @property
    def key(self) -> str:
        return "id" if self.table == "stores" else "store_id"


def blocks(text: str) -> list[str]:
    """The text of each SELECT, INSERT, UPDATE and DELETE by itself: those within it are cut out and stand on their own."""
    found: list[str] = []
    own = ""
    position = 0
    while position < len(text):
        if text[position] == "(":
            end = closing(text, position)
            inside = text[position + 1 : end]
            if STATEMENT.match(inside) or STATEMENT.match(inside.lstrip(" (\n")):
                found += blocks(inside)
                own += "()"
            else:
                within = blocks(inside)
                found += within[1:]
                own += f"({within[0]})"
            position = end + 1
        else:
            own += text[position]
            position += 1
    return [*UNION.split(own), *found] if STATEMENT.match(own) or not own.strip() else [own, *found]


def closing(text: str, opening: int) -> int:
    depth = 0
    for position in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise ValueError("a parenthesis is not closed")


def references(block: str) -> list[Reference]:
    tables = "|".join(map(re.escape, sorted(tenant_tables())))
    pattern = rf"(?:\b(?:FROM|JOIN|UPDATE|INTO|USING)\s+|,\s*)({tables})(?![\w.(])(?:\s+(?:AS\s+)?([a-z_]+)\b(?!\())?"
    return [Reference(found[1], found[2] or found[1]) for found in re.finditer(pattern, block)]


def unnamed_in(text: str) -> list[str]:
    """The tables of a query that no condition binds to the caller's store."""
    return [reference.table for block in blocks(text) for reference in unbound(block)]


def unbound(block: str) -> list[Reference]:
    """A table is bound by the parameter, by another table that is bound, or by a name from outside the block."""
    found = references(block)
    open_ones = [one for one in found if not inserts_store(block, one)]
    columns = {f"{one.name}.{one.key}" for one in open_ones}
    if len(found) == 1:  # then a column needs no name before it
        columns |= {one.key for one in open_ones}
    pairs = EQUALITY.findall(block)
    bound: set[str] = set()
    for _ in pairs:  # each round binds one more at least, or nothing changes any more
        for left, right in (*pairs, *((right, left) for left, right in pairs)):
            if left in columns and (right == PARAMETER or right in bound or right not in columns):
                bound.add(left)
    return [one for one in open_ones if not bound & {f"{one.name}.{one.key}", one.key if len(found) == 1 else ""}]


def inserts_store(block: str, reference: Reference) -> bool:
    """An INSERT names the store among its columns."""
    pattern = rf"INTO {re.escape(reference.table)}(?: AS \w+)? \(([^)]*)\)"
    return any(reference.key in re.split(r"\W+", found[1]) for found in re.finditer(pattern, block))


ALL = list(queries())


def test_tables_of_tenants_are_found() -> None:
    assert {"stores", "orders", "order_items", "sync_logs", "pull_runs", "wc_sync_items", "alerts"} <= tenant_tables()
    assert len(ALL) > 150 and sum(bool(references(block)) for _, _, text in ALL for block in blocks(text)) > 150


def test_every_query_names_the_store() -> None:
    found = {(file, name): unnamed_in(text) for file, name, text in ALL}
    assert {query: tables for query, tables in found.items() if tables and query not in EXCEPTIONS} == {}
    assert {query for query in EXCEPTIONS if not found.get(query)} == set(), "exceptions that are none"
    assert all(reason.strip() for reason in EXCEPTIONS.values())


def test_query_without_its_store_is_found() -> None:
    """Each condition on the store, taken out of its query by itself."""
    missed = []
    for file, name, text in ALL:
        for condition in re.finditer(r"(?<![\w.])(?:\w+\.)?store_id = (?:%\(store_id\)s|\w+\.store_id\b)", text):
            without = text[: condition.start()] + "true" + text[condition.end() :]
            if not unnamed_in(without):
                missed.append((file, name, condition[0]))
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT store_id FROM orders WHERE id = %(id)s",
        "SELECT 1 FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.store_id = %(store_id)s",
        "SELECT 1 FROM orders o, customers c WHERE c.store_id = %(store_id)s AND o.customer_id = c.id",
        "SELECT 1 FROM orders o JOIN customers c ON c.store_id = o.store_id",
        "UPDATE orders SET status = '' FROM (SELECT id FROM customers) c WHERE store_id = %(store_id)s",
        "DELETE FROM orders WHERE id IN (SELECT order_id FROM order_items WHERE store_id = %(store_id)s)",
        "INSERT INTO orders (id) SELECT %(id)s",
        "SELECT 1 FROM orders WHERE store_id = %(store_id)s UNION ALL SELECT 1 FROM customers",
    ],
)
def test_query_that_reads_other_stores_is_found(text: str) -> None:
    assert unnamed_in(text)

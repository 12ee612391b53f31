"""Rows that are copied as JSON arrays arrive as they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from db.catalogue.copy_lines import BRACKET, copy_lines
from db.catalogue.statements import SQL
from db.core.sql import fill
from tests.support.examples import examples

STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
HOSTILE = '\\"\n\r\t\b\f\x01\x1f\x7f\u2028{}[],.;nulNUL'
TEXTS = st.none() | st.text(STORABLE, max_size=20) | st.text(st.sampled_from(HOSTILE), max_size=12)
COLUMNS = "row_begin, name, note, amount, number, moment, key, row_end"
ROWS = st.lists(
    st.tuples(
        TEXTS,
        TEXTS,
        st.none() | st.decimals(-(10**14) + 1, 10**14 - 1, places=6),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none()
        | st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)),
        st.none() | st.uuids(),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def stage(conn: Connection) -> Iterator[Connection]:
    conn.execute(
        """CREATE TEMPORARY TABLE copied (position serial, row_begin text, name text, note text, amount numeric(20, 6),
                                          number bigint, moment timestamptz, key uuid, row_end text)"""
    )
    yield conn
    conn.execute("DROP TABLE copied")


def copy_in(conn: Connection, rows: list[Any]) -> None:
    statement = fill(SQL["copy_stage"], stage="copied", columns=COLUMNS)
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(copy_lines((BRACKET, *row, BRACKET) for row in rows))


def copied(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT name, note, amount, number, moment, key FROM copied ORDER BY position").fetchall()


@settings(max_examples=examples(200))
@given(ROWS)
@example([("null", "", Decimal("0.000000"), 0, None, None), (None, "\\.", None, None, None, UUID(int=0))])
@example([("a\n\\.\nb", '"', Decimal("-1.500000"), -1, datetime(2026, 1, 15, tzinfo=UTC), None)])
@example([("\\u0041\\n", "\\\\x", None, None, None, None), ("\r\n", "\n", None, None, None, None)])
def test_rows_arrive_as_they_were(stage: Connection, rows: list[Any]) -> None:
    with stage.transaction(force_rollback=True):
        copy_in(stage, rows)
        assert copied(stage) == rows


def test_texts_are_utf_8_whatever_the_client_speaks(stage: Connection) -> None:
    rows = [("Café", "\u2028😀", None, None, None, None)]
    with stage.transaction(force_rollback=True):
        stage.execute("SET LOCAL client_encoding TO 'LATIN1'")
        copy_in(stage, rows)
        stage.execute("SET LOCAL client_encoding TO 'UTF8'")
        assert copied(stage) == rows

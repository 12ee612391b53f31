"""Sessions of the console: only their SHA-256 is stored, and each asks its token anew whether it still holds."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.stores.tokens import Caller

SQL = queries(__file__)


def open_session(conn: Connection, session: bytes, token: bytes, lifetime: float) -> Caller | None:
    """`session` and `token` are SHA-256; `lifetime` in seconds. None for a token that opens no door."""
    parameters = {"session": session, "token": token, "lifetime": lifetime}
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["open_session"], parameters).fetchone()


def find_session(conn: Connection, session: bytes) -> Caller | None:
    """Who is signed in."""
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["find_session"], {"session": session}).fetchone()


def close_session(conn: Connection, session: bytes) -> None:
    conn.execute(SQL["close_session"], {"session": session})

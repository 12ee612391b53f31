"""Sessions of the console. Only their SHA-256 is stored, and each lookup checks the session's token again."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.stores.tokens import Caller

SQL = queries(__file__)


def open_session(conn: Connection, session: bytes, token: bytes, lifetime: float) -> Caller | None:
    """`session` and `token` are SHA-256; `lifetime` in seconds. None for an unknown, expired or revoked token."""
    parameters = {"session": session, "token": token, "lifetime": lifetime}
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["open_session"], parameters).fetchone()


def find_session(conn: Connection, session: bytes) -> Caller | None:
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["find_session"], {"session": session}).fetchone()


def close_session(conn: Connection, session: bytes) -> None:
    conn.execute(SQL["close_session"], {"session": session})


def use_link(conn: Connection, link: bytes, session: bytes, lifetime: float) -> Caller | None:
    """Exchange a one-use link for a session. `link` and `session` are hashes; None for a link that is used or over."""
    parameters = {"link": link, "session": session, "lifetime": lifetime}
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["use_link"], parameters).fetchone()

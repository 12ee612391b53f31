"""Connections to PostgreSQL: one pool per process, opened after any fork, that hands out live connections only."""

from __future__ import annotations

import time
from typing import Any

from psycopg import Connection, Error
from psycopg_pool import ConnectionPool

from db.core.session import discard_plans

# A vanished server is noticed by the client within about a minute; libpq's own defaults are hours.
KEEPALIVES: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
ACQUIRE_TIMEOUT_SECONDS = 2.0  # the API answers 503 within this time


FRESH_SECONDS = 1.0
PLANS_SECONDS = 5.0


class SluiceConnection(Connection[tuple[Any, ...]]):
    """Knows when it was last seen alive, and how long it has kept its plans."""

    seen_alive: float = float("-inf")
    plans_since: float = float("-inf")


def check_if_idle(conn: SluiceConnection) -> None:
    now = time.monotonic()
    if now - conn.seen_alive > FRESH_SECONDS:  # a busy connection shows by itself that the server is there
        ConnectionPool.check_connection(conn)
        conn.seen_alive = now
    if now - conn.plans_since > PLANS_SECONDS:
        forget_plans(conn, now)


def forget_plans(conn: SluiceConnection, now: float) -> None:
    # A plan made while a table was nearly empty scans all rows of the store for each lookup, and lasts until the table is
    # analysed: for minutes the first sync of a new installation would slow down with every batch.
    discard_plans(conn)
    conn.plans_since = now


Pool = ConnectionPool[SluiceConnection]


def check(conn: SluiceConnection, pool: Pool) -> None:
    try:
        check_if_idle(conn)
    except Error:
        pool.check()  # a restarted server kills all connections at once: drop the other dead ones, too
        raise


def connect_briefly(database_url: str, name: str) -> Connection:
    """One connection outside of any pool, with two seconds to connect. Raises psycopg.Error; the caller closes it."""
    quick = {**KEEPALIVES, "connect_timeout": 2}
    return Connection.connect(database_url, application_name=f"sluice {name}", autocommit=True, **quick)


def open_pool(
    database_url: str,
    size: int,
    name: str,
    acquire_timeout: float = ACQUIRE_TIMEOUT_SECONDS,
    prepare_threshold: int | None = 5,
) -> Pool:
    """A pool of at most `size` connections as the application's role. It connects lazily: no server is needed yet.

    A statement is prepared after `prepare_threshold` uses; None: never. `.connection()` raises psycopg_pool.PoolTimeout if no
    connection is free within `acquire_timeout` seconds.
    """
    pool: Pool = ConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=acquire_timeout,
        max_idle=300.0,
        reconnect_timeout=5.0,
        check=lambda conn: check(conn, pool),
        connection_class=SluiceConnection,
        kwargs={
            "application_name": f"sluice {name}",
            "autocommit": True,
            "prepare_threshold": prepare_threshold,
            **KEEPALIVES,
        },
    )
    pool.open(wait=False)
    return pool

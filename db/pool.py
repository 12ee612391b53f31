"""Connections to PostgreSQL: a pool per process, opened after any fork, that hands out live connections only."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

# A vanished server is noticed by the client within about a minute; libpq's own defaults are hours.
KEEPALIVES: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
ACQUIRE_TIMEOUT_SECONDS = 2.0  # the API answers 503 within this time

Pool = ConnectionPool[Connection[tuple[Any, ...]]]


def open_pool(database_url: str, size: int, name: str, acquire_timeout: float = ACQUIRE_TIMEOUT_SECONDS) -> Pool:
    """A pool of at most `size` connections as the application's role. It connects lazily: no server is needed yet.

    `.connection()` raises psycopg_pool.PoolTimeout where none is to be had within `acquire_timeout` seconds.
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
        check=ConnectionPool.check_connection,
        kwargs={"application_name": f"sluice {name}", "autocommit": True, **KEEPALIVES},
    )
    pool.open(wait=False)
    return pool

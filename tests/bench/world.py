"""The servers, stores and orders that the benchmarks run on: embedded PostgreSQL with fsync, one process."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from app.settings import load_settings
from app.stack.postgres import EmbeddedPostgres
from app.stack.redis import EmbeddedRedis
from app.tenants import create_store, set_credentials
from db.migrate import migrate
from db.pool import open_pool
from tests.data_dirs import data_dir
from tests.factories import make_item, make_order
from workers.queues import WakeUp, connect
from workers.runtime import Runtime

SECRET_KEY = "b" * 32


@dataclass(frozen=True)
class World:
    """One migrated database, and a worker's runtime on it in this process."""

    runtime: Runtime
    postgres: EmbeddedPostgres
    redis_url: str

    def new_store(self) -> UUID:
        with psycopg.connect(self.postgres.app_url(), autocommit=True) as conn:
            return create_store(conn, "bench", "woocommerce").store_id

    def connect_store(self, platform: str, url: str, credentials: dict[str, str]) -> UUID:
        """A store that is pulled."""
        with psycopg.connect(self.postgres.app_url(), autocommit=True) as conn:
            store_id = create_store(conn, "bench", platform, url).store_id
            set_credentials(conn, SECRET_KEY, store_id, credentials)
        return store_id

    def new_token(self) -> str:
        with psycopg.connect(self.postgres.app_url(), autocommit=True) as conn:
            return create_store(conn, "bench", "woocommerce").token

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        with psycopg.connect(self.postgres.superuser_url("sluice"), autocommit=True) as conn:
            yield conn


@contextmanager
def world() -> Iterator[World]:
    with data_dir() as root:
        postgres, redis = EmbeddedPostgres(root), EmbeddedRedis(root)
        postgres.start()
        redis.start()
        migrate(postgres.owner_url())
        settings = replace(load_settings({}), data_dir=root, secret_key=SECRET_KEY)
        pool = open_pool(postgres.app_url(), 8, "bench")
        try:
            with connect(redis.url) as client:
                yield World(Runtime(settings, pool, WakeUp(client)), postgres, redis.url)
        finally:
            pool.close()
            redis.stop()
            postgres.stop()


def orders(count: int, first: int = 1, version: int = 0, items: int = 3) -> list[dict[str, Any]]:
    """Orders as a plugin posts them: amounts as numbers, every third customer new, names and codes that vary."""
    return [
        make_order(
            wc_order_id=number,
            date_modified=f"2026-01-15T10:{version:02d}:{number % 60:02d}Z",
            total=f"{number % 900 + version}.{number % 100:02d}",
            subtotal=round(number % 800 + 0.25, 2),
            customer_id=number % 300 + 1,
            status=("completed", "processing", "on-hold")[number % 3],
            items=[
                make_item(
                    product_name=f"Product {(number * 7 + line) % 500}",
                    sku=f"SKU-{(number * 7 + line) % 500:04d}",
                    quantity=line + 1,
                    wc_product_id=(number * 7 + line) % 500 + 1,
                )
                for line in range(items)
            ],
        )
        for number in range(first, first + count)
    ]


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "cores": str(os.cpu_count()),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": platform.system(),
    }

"""The servers, stores and orders that the benchmarks run on: embedded PostgreSQL with fsync, one process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from app.server.gc_tuning import collect_less_often
from app.settings.environment import load_settings
from app.stack.embedded.postgres import DATABASE, EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from app.usecases.stores import CreatedStore, create_store, set_credentials
from db.core.installation import create_database, own_schema
from db.core.migrate import migrate
from db.core.pool import open_pool
from tests.support.data_dirs import data_dir
from tests.support.factories import make_item, make_order, make_refund, narrow_item, narrow_order
from tests.support.paths import ROOT
from workers.core.queues import WakeUp, connect
from workers.core.runtime import Runtime

SECRET_KEY = "b" * 32


@dataclass(frozen=True)
class World:
    """One migrated database, and a worker's runtime on it in this process."""

    runtime: Runtime
    postgres: EmbeddedPostgres
    redis_url: str
    database: str = DATABASE

    def create_store(self) -> CreatedStore:
        with psycopg.connect(self.postgres.app_url(self.database), autocommit=True) as conn:
            return create_store(conn, "bench", "woocommerce")

    def new_store(self) -> UUID:
        return self.create_store().store_id

    def connect_store(self, platform: str, url: str, credentials: dict[str, str]) -> UUID:
        """A store that is pulled."""
        with psycopg.connect(self.postgres.app_url(), autocommit=True) as conn:
            store_id = create_store(conn, "bench", platform, url).store_id
            set_credentials(conn, SECRET_KEY, store_id, credentials)
        return store_id

    def new_token(self) -> str:
        return self.create_store().token

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        with psycopg.connect(self.postgres.superuser_url(self.database), autocommit=True) as conn:
            yield conn

    @contextmanager
    def beside(self, database: str) -> Iterator[World]:
        """An empty migrated database of its own on the same servers."""
        with psycopg.connect(self.postgres.superuser_url(), autocommit=True) as conn:
            create_database(conn, database)
        with psycopg.connect(self.postgres.superuser_url(database), autocommit=True) as conn:
            own_schema(conn)
        migrate(self.postgres.owner_url(database))
        pool = open_pool(self.postgres.app_url(database), 2, "bench")
        try:
            yield replace(self, database=database, runtime=replace(self.runtime, pool=pool))
        finally:
            pool.close()

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A real worker process on this database."""
        environment = os.environ | {
            "DATABASE_URL": self.postgres.app_url(self.database),
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "b" * 32,
            "LOG_LEVEL": "WARNING",
            "ALLOW_HTTP_SHOPS": "true",
            "DATA_DIR": str(self.runtime.settings.data_dir),
        }
        process = subprocess.Popen([sys.executable, "-m", "app", "worker"], cwd=ROOT, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def world() -> Iterator[World]:
    with data_dir() as root:
        postgres, redis = EmbeddedPostgres(root), EmbeddedRedis(root)
        postgres.start()
        redis.start()
        migrate(postgres.owner_url())
        settings = replace(load_settings({"ALLOW_HTTP_SHOPS": "true"}), data_dir=root, secret_key=SECRET_KEY)
        pool = open_pool(postgres.app_url(), 8, "bench")
        collect_less_often()  # as a worker does
        try:
            with connect(redis.url) as client:
                yield World(Runtime(settings, pool, WakeUp(client)), postgres, redis.url)
        finally:
            pool.close()
            redis.stop()
            postgres.stop()


def orders(count: int, first: int = 1, version: int = 0, items: int = 3, *, wide: bool = False) -> list[dict[str, Any]]:
    """Orders as a plugin posts them: amounts as numbers, every third customer new, names and codes that vary.

    `wide`: with all that the contract knows of an order, and one in ten with a refund.
    """
    make, line = (make_order, make_item) if wide else (narrow_order, narrow_item)
    return [
        make(
            wc_order_id=number,
            date_modified=f"2026-01-15T10:{version:02d}:{number % 60:02d}Z",
            total=f"{number % 900 + version}.{number % 100:02d}",
            subtotal=round(number % 800 + 0.25, 2),
            customer_id=number % 300 + 1,
            status=("completed", "processing", "on-hold")[number % 3],
            items=[
                line(
                    product_name=f"Product {(number * 7 + place) % 500}",
                    sku=f"SKU-{(number * 7 + place) % 500:04d}",
                    quantity=place + 1,
                    wc_product_id=(number * 7 + place) % 500 + 1,
                )
                for place in range(items)
            ],
            **({"coupons": [], "refunds": [make_refund()] if number % 10 == 0 else []} if wide else {}),
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

"""Real servers for whoever asks: one embedded PostgreSQL and Redis a test process, a fresh database a module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import hypothesis
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection, sql
from redis import Redis

from app.__main__ import main
from app.server.gc_tuning import collect_less_often
from app.settings.environment import Settings, load_settings
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from app.usecases.stores import CreatedStore, create_store
from db.core.migrate import migrate
from db.core.pool import Pool, open_pool
from tests.support.application import application
from tests.support.data_dirs import data_dir
from tests.support.examples import QUICK, THOROUGH
from workers.core.queues import WakeUp, connect
from workers.core.runtime import Runtime

# Fixtures that several files share; each module stands behind those that it imports.
pytest_plugins = ("tests.support.outbound", "tests.support.console", "tests.support.plans", "tests.support.pulls")

# A loaded machine is no defect: no test fails because an example took long.
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=THOROUGH)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=QUICK)
hypothesis.settings.load_profile("quick")  # --hypothesis-profile=thorough takes its place

OUR_SETTINGS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DATA_DIR", "EMAIL_HASH_KEY")
for name in OUR_SETTINGS:  # a developer's own settings must not steer a test
    os.environ.pop(name, None)
collect_less_often()  # the modules of three thousand tests are no garbage


@dataclass(frozen=True)
class Servers:
    """The embedded servers of this test process."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    root: Path


@dataclass(frozen=True)
class Database:
    """A migrated database of its own. `url` is the application's role."""

    url: str
    owner_url: str
    superuser_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with data_dir() as root:
        postgres, redis = EmbeddedPostgres(root), EmbeddedRedis(root)
        postgres.start()
        try:
            redis.start()
            migrate(postgres.owner_url())
            yield Servers(postgres, redis, root)
        finally:
            redis.stop()
            postgres.stop()


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    """A copy of the migrated template, dropped after the module's tests."""
    name = f"t_{uuid4().hex[:12]}"
    postgres = servers.postgres
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as conn:
        make = "CREATE DATABASE {} TEMPLATE sluice OWNER sluice_owner"
        conn.execute(sql.SQL(make).format(sql.Identifier(name)))
        yield Database(postgres.app_url(name), postgres.owner_url(name), postgres.superuser_url(name))
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def conn(database: Database) -> Iterator[Connection]:
    """The application's role, as API and workers connect. To log in takes longer than most tests, so it is done once."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def root_conn(database: Database) -> Iterator[Connection]:
    """The superuser: sees every row of every store. For looking, not for acting."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    with Redis.from_url(servers.redis.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(conn: Connection) -> CreatedStore:
    return create_store(conn, "Test shop", "woocommerce")


@pytest.fixture
def other_store(conn: Connection) -> CreatedStore:
    return create_store(conn, "Other shop", "woocommerce")


@pytest.fixture
def store_id(store: CreatedStore) -> UUID:
    return store.store_id


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Settings:
    return replace(load_settings({}), data_dir=servers.root, rate_limit_per_minute=1_000_000)


@pytest.fixture(scope="module")
def pool(database: Database) -> Iterator[Pool]:
    with open_pool(database.url, 4, "test") as opened:
        yield opened


@pytest.fixture
def runtime(settings: Settings, pool: Pool, redis: Redis, servers: Servers) -> Iterator[Runtime]:
    """What a worker process holds, here in the test's own process."""
    with connect(servers.redis.url) as client:
        yield Runtime(settings, pool, WakeUp(client))


@pytest.fixture(scope="module")
def app(settings: Settings, database: Database, servers: Servers) -> Iterator[Flask]:
    """Made once a module: its hundred routes take longer to compile than most tests take."""
    with application(settings, database.url, servers.redis.url) as made:
        yield made


@pytest.fixture
def client(app: Flask, redis: Redis) -> Iterator[FlaskClient]:
    """A caller of the application, beside a Redis that is empty."""
    with app.test_client() as test_client:
        yield test_client


@pytest.fixture
def command_line(
    database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """`python -m app …` on this module's database: the exit code, and all that was said."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("REDIS_URL", servers.redis.url)
    monkeypatch.setenv("SECRET_KEY", "a key for tests that is long enough")

    def run(*words: str) -> tuple[int, str]:
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run

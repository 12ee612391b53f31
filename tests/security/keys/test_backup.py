"""A backup contains every row of every store, is verified, and is restored with row-level security."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from app.__main__ import main
from app.backup import create, programs
from app.backup.create import compare, create_backup
from app.stack.command_errors import CommandError
from app.stack.embedded.pg_programs import connection_of, find_program
from app.usecases.stores import create_store, set_credentials
from db.core.backup import count_rows
from tests.conftest import Database, Servers
from tests.support.factories import make_customer, make_order
from tests.support.paths import ROOT
from tests.support.pipeline import sync
from workers.core.runtime import Runtime

KEY = "a key for tests that is long enough"
COLUMNS = """SELECT table_name, string_agg(quote_ident(column_name), ',' ORDER BY ordinal_position)
    FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1 ORDER BY 1"""
WALLS = (
    "SELECT * FROM pg_policies ORDER BY schemaname, tablename, policyname",
    """SELECT relname, relkind, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity, relacl::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace ORDER BY 1""",
    """SELECT oid::regprocedure::text, pg_get_userbyid(proowner), prosecdef, proconfig, proacl::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
    "SELECT pg_get_userbyid(nspowner), nspacl::text FROM pg_namespace WHERE nspname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    """SELECT coalesce(r.rolname, ''), a.privilege_type
        FROM pg_database d, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE datname = current_database() ORDER BY 1, 2""",
)
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", autouse=True)
def filled(database: Database) -> None:
    """Two stores with tokens and credentials; their records come with the first test that needs them."""
    with psycopg.connect(database.url, autocommit=True) as conn:
        for name in ("First", "Second"):
            made = create_store(conn, name, "woocommerce", "https://shop.example")
            set_credentials(conn, KEY, made.store_id, {"consumer_key": "ck_1", "consumer_secret": "cs_1"})
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        this = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(this))
        conn.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO sluice_app").format(this))


@pytest.fixture
def records(runtime: Runtime, database: Database) -> None:
    """Orders and customers, lines and logs of both stores."""
    with psycopg.connect(database.superuser_url) as conn:
        stores = conn.execute("SELECT id FROM stores").fetchall()
    for (store_id,) in stores:
        sync(
            runtime,
            store_id,
            "orders",
            [make_order(wc_order_id=number) for number in range(1, 8)] + [{"wc_order_id": 9}],
        )
        sync(runtime, store_id, "customers", [make_customer(wc_customer_id=number) for number in range(1, 4)])


@pytest.fixture
def shell(
    database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`python -m app …` with this module's database, and settings that a call may add."""
    urls = {"DATABASE_URL": database.url, "REDIS_URL": servers.redis.url, "SECRET_KEY": KEY}
    urls |= {"BACKUP_DATABASE_URL": database.superuser_url, "RESTORE_DATABASE_URL": database.superuser_url}

    def run(*words: object, **more: str) -> tuple[int, str]:
        for name, value in (urls | more).items():
            monkeypatch.setenv(name, value)
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


@pytest.fixture
def other(servers: Servers) -> Iterator[str]:
    """The name of a database that does not exist yet; whatever has a name that begins so is dropped."""
    name = f"r_{uuid4().hex[:12]}"
    yield name
    with psycopg.connect(servers.postgres.superuser_url(), autocommit=True) as conn:
        for (found,) in conn.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}%",)).fetchall():
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(found)))


def content(url: str) -> dict[str, list[Any]]:
    """Every row of every table as text, and all that keeps stores apart."""
    with psycopg.connect(url) as conn:
        found: dict[str, list[Any]] = {}
        for table, columns in conn.execute(COLUMNS).fetchall():
            query = f"SELECT md5(row({columns})::text) FROM public.{table} ORDER BY 1"
            found[table] = conn.execute(query.encode()).fetchall()
        return found | {query: conn.execute(query).fetchall() for query in WALLS}


def test_pg_dump_as_the_owner_holds_no_row(database: Database, records: None) -> None:
    """Why `backup` exists: the tables' owner is shown no row, and with row security on pg_dump does not even say so."""
    program = find_program("pg_dump", server_of(database))
    dbname, env = connection_of(database.owner_url)
    argv = [str(program.path), f"--dbname={dbname}", "--data-only", "--table=orders"]
    plain = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert plain.returncode != 0 and "row-level security" in plain.stderr
    quiet = subprocess.run([*argv, "--enable-row-security"], env=env, capture_output=True, text=True)
    assert quiet.returncode == 0
    assert "FROM stdin;\n\\.\n" in quiet.stdout


def server_of(database: Database) -> int:
    with psycopg.connect(database.superuser_url) as conn:
        return conn.info.server_version // 10_000


def test_documents_name_the_command_and_not_pg_dump() -> None:
    for path in ("README.md", "docs/operations.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert "python -m app backup" in text and "python -m app restore" in text, path
        assert "(`pg_dump`" not in text, path


def test_backup_restores_every_row_and_every_wall(
    shell: Run, database: Database, servers: Servers, records: None, other: str, tmp_path: Path
) -> None:
    file = tmp_path / "sluice.dump"
    before = content(database.superuser_url)  # the commands themselves leave events in the audit trail
    code, said = shell("backup", file)
    assert code == 0, said
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600, 0o600]
    code, said = shell("restore", file, "--database", other)
    assert code == 0, said
    after = content(servers.postgres.superuser_url(other))
    assert len(before["orders"]) >= 14 and len(before["customers"]) >= 6 and before["sync_record_errors"]
    assert after == before
    with psycopg.connect(servers.postgres.app_url(other)) as conn:
        assert conn.execute("SELECT count(*) FROM orders").fetchone() == (0,), "no store is set, so no row shows"


@pytest.mark.parametrize("role", ["owner_url", "url"])
def test_backup_by_a_role_that_sees_no_row_is_refused(
    shell: Run, database: Database, tmp_path: Path, role: str
) -> None:
    code, said = shell("backup", tmp_path / "x", BACKUP_DATABASE_URL=getattr(database, role))
    assert code == 1 and "can't see all rows" in said
    assert list(tmp_path.iterdir()) == []


def test_backup_role_takes_it_and_can_write_nothing(
    shell: Run, database: Database, servers: Servers, tmp_path: Path
) -> None:
    password = uuid4().hex
    with psycopg.connect(database.superuser_url, autocommit=True) as conn:
        conn.execute(f"ALTER ROLE sluice_backup LOGIN PASSWORD '{password}'".encode())
        stores = conn.execute("SELECT count(*) FROM stores").fetchone()
    url = re.sub(r"//[^@]+@", f"//sluice_backup:{password}@", database.superuser_url)
    code, said = shell("backup", tmp_path / "x", "--json", BACKUP_DATABASE_URL=url)
    assert code == 0, said
    assert (json.loads(said.splitlines()[0])["rows"]["public.stores"],) == stores
    with psycopg.connect(url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SET TRANSACTION READ WRITE; DELETE FROM stores")


def test_rows_written_meanwhile_are_in_neither_count(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts and dump are of one snapshot: a store that is made between the two spoils nothing."""

    def dump_later(*words: Any) -> None:
        with psycopg.connect(database.url, autocommit=True) as conn:
            create_store(conn, "Late", "woocommerce")
        programs.dump(*words)

    monkeypatch.setattr(create, "dump", dump_later)
    taken = create_backup(database.superuser_url, tmp_path / "x", force=False)
    with psycopg.connect(database.superuser_url) as conn:
        now = conn.execute("SELECT count(*) FROM stores").fetchone()
    assert now == (taken.rows["public.stores"] + 1,)


def test_archive_that_lacks_rows_is_refused_and_removed(
    shell: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "count_rows", lambda *words: count_rows(*words) | {"public.orders": 10_000})
    code, said = shell("backup", tmp_path / "x")
    assert code == 1 and "public.orders: " in said and "of 10000" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("found", [{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 2, "c": 0}])
def test_missing_rows_and_extra_tables_are_reported(found: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="not complete"):
        compare({"a": 1, "b": 2}, found, "it")


def test_existing_file_is_replaced_by_force_alone(shell: Run, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("mine")
    code, said = shell("backup", file)
    assert code == 1 and "--force" in said and file.read_text() == "mine"
    assert shell("backup", file, "--force")[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("harm", ["cut", "altered", "alone"])
def test_damaged_backup_is_refused_first(shell: Run, servers: Servers, other: str, tmp_path: Path, harm: str) -> None:
    file = tmp_path / "x"
    assert shell("backup", file)[0] == 0
    if harm == "cut":
        os.truncate(file, file.stat().st_size - 1)
    elif harm == "altered":
        with file.open("r+b") as opened:
            opened.seek(-50, io.SEEK_END)
            opened.write(b"\xff")
    else:
        file.with_name("x.json").unlink()
    code, said = shell("restore", file, "--database", other)
    assert code in (1, 3) and "x.json" in said
    with psycopg.connect(servers.postgres.superuser_url()) as conn:
        assert conn.execute("SELECT FROM pg_database WHERE datname = %s", (other,)).fetchall() == []


def test_full_database_is_replaced_only_when_asked(
    shell: Run, servers: Servers, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x"
    assert shell("backup", file)[0] == 0
    assert shell("restore", file, "--database", other)[0] == 0
    url = servers.postgres.superuser_url(other)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("TRUNCATE stores CASCADE")

    code, said = shell("restore", file, "--database", other)
    assert code == 1 and "is not empty" in said and f"database {other}" in said and "rows in" in said
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    code, said = shell("restore", file, "--database", other, "--replace")
    assert code == 1 and "nothing was restored" in said
    assert shell("restore", file, "--database", other, "--replace", "--dry-run")[0] == 0
    assert count_stores(url) == 0

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{other}\n"))
    open_session = psycopg.connect(url)
    code, said = shell("restore", file, "--database", other, "--replace")
    open_session.close()
    assert code == 0, said
    assert count_stores(url) == stores_in(file) > 0
    with psycopg.connect(servers.postgres.superuser_url()) as conn:
        found = {
            row[0] for row in conn.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{other}%",))
        }
    [old] = found - {other}
    assert old in said and count_stores(servers.postgres.superuser_url(old)) == 0


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["restored", "dry run"])
def test_audit_tells_a_dry_run_of_restore(
    shell: Run, database: Database, servers: Servers, other: str, tmp_path: Path, more: tuple[str, ...]
) -> None:
    file = tmp_path / "x"
    assert shell("backup", file)[0] == 0
    assert shell("restore", file, "--database", other, *more)[0] == 0
    with psycopg.connect(database.superuser_url) as conn:
        query = """SELECT result, details FROM audit_events WHERE action = 'backup.restore'
                    ORDER BY happened_at DESC LIMIT 1"""
        assert conn.execute(query).fetchone() == ("ok", {"dryRun": True} if more else {})


def count_stores(url: str) -> int:
    with psycopg.connect(url) as conn:
        [(count,)] = conn.execute("SELECT count(*) FROM stores").fetchall()
    return int(count)


def stores_in(file: Path) -> int:
    return int(json.loads(file.with_name(f"{file.name}.json").read_text())["rows"]["public.stores"])


def test_restore_takes_a_superuser(shell: Run, database: Database, tmp_path: Path, other: str) -> None:
    assert shell("backup", tmp_path / "x")[0] == 0
    code, said = shell("restore", tmp_path / "x", "--database", other, RESTORE_DATABASE_URL=database.owner_url)
    assert code == 1 and "superuser" in said


def test_backup_of_nothing_is_refused(shell: Run, servers: Servers, tmp_path: Path) -> None:
    """A mistyped database or DATA_DIR must not end well."""
    code, said = shell("backup", tmp_path / "x", BACKUP_DATABASE_URL=servers.postgres.superuser_url("template1"))
    assert code == 1 and "has no table" in said
    nowhere = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "BACKUP_DATABASE_URL"), "")
    code, said = shell("backup", tmp_path / "x", DATA_DIR=str(tmp_path / "typo"), **nowhere)
    assert code == 3 and "there is no Sluice under DATA_DIR" in said
    assert list(tmp_path.iterdir()) == []


def test_system_database_is_never_restored_into(shell: Run, tmp_path: Path) -> None:
    assert shell("backup", tmp_path / "x")[0] == 0
    code, said = shell("restore", tmp_path / "x", "--database", "postgres", "--replace", "--yes")
    assert code == 1 and "belongs to the server" in said


@pytest.mark.parametrize("name", ["pg_dump", "pg_restore"])
def test_program_older_than_the_server_is_not_used(name: str) -> None:
    with pytest.raises(CommandError, match="install postgresql-client-99 or newer"):
        find_program(name, 99)


def test_password_is_not_among_the_arguments() -> None:
    dbname, env = connection_of("postgresql://u:geheim@h/d?sslmode=require")
    assert "geheim" not in dbname and env["PGPASSWORD"] == "geheim" and "sslmode=require" in dbname


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_own_server_without_its_setting_is_refused(shell: Run, tmp_path: Path, command: str) -> None:
    assert shell("backup", tmp_path / "x")[0] == 0
    name = f"{command.upper()}_DATABASE_URL"
    code, said = shell(command, tmp_path / "x", **{name: ""})
    assert code == 1 and f"{name} must be set" in said

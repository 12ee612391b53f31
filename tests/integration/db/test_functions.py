"""SQL functions in force: one file each in db/functions, applied when it changes, and none in the catalogue without a file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection

from db.core.migrate import FOLDER, MigrationError, migrate, pending, read_schema
from tests.conftest import Database, Servers
from tests.support.old_schema import empty_database

ONE = "-- Always one.\nCREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql RETURN 1;\n"
TWO = "-- One more.\n-- needs: one\nCREATE OR REPLACE FUNCTION a_two() RETURNS integer LANGUAGE sql RETURN one() + 1;\n"
DEFINER = """-- Anything.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION secret({parameters}) RETURNS {returns} LANGUAGE sql SECURITY DEFINER RETURN 1;
REVOKE ALL ON FUNCTION secret({types}) FROM PUBLIC;
"""
FILES = sorted((FOLDER / "functions").glob("*.sql"))


@pytest.fixture
def empty(servers: Servers) -> Iterator[Database]:
    with empty_database(servers) as made:
        with psycopg.connect(made.owner_url, autocommit=True) as conn:
            conn.execute("GRANT CREATE ON SCHEMA public TO sluice_system")
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A schema without tables; its functions."""
    (tmp_path / "functions").mkdir()
    return tmp_path / "functions"


def catalogue(database: Database) -> list[tuple[str, str]]:
    query = """SELECT oid::regprocedure::text, proowner::regrole::text FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace ORDER BY 1"""
    with psycopg.connect(database.superuser_url) as conn:
        return conn.execute(query).fetchall()


def answer(database: Database, query: str) -> object:
    with psycopg.connect(database.superuser_url) as conn:
        row = conn.execute(query.encode()).fetchone()
        return row[0] if row else None


def test_functions_and_files_match_both_ways(root_conn: Connection) -> None:
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname"
    assert [row[0] for row in root_conn.execute(query)] == [path.stem for path in FILES]


def test_catalogue_equals_the_files(root_conn: Connection, owner_conn: Connection) -> None:
    """Applying every file again changes nothing: not the source, not the owner, not a privilege."""
    query = """SELECT pg_get_functiondef(oid), proowner, proacl::text FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace ORDER BY oid"""
    before = root_conn.execute(query).fetchall()
    for path in FILES:
        with owner_conn.transaction():
            owner_conn.execute(path.read_bytes())
    assert root_conn.execute(query).fetchall() == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_holds_one_function_and_its_guarantee(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^CREATE OR REPLACE FUNCTION (\w+)\(", text, re.MULTILINE) == [path.stem]
    assert re.match(r"-- [^\n]+\.\n", text), "the first line states the guarantee"


def test_functions_are_created_after_those_they_need(empty: Database, folder: Path) -> None:
    (folder / "one.sql").write_text(ONE)
    (folder / "a_two.sql").write_text(TWO)
    assert migrate(empty.owner_url, folder.parent).functions == ["one", "a_two"]
    assert answer(empty, "SELECT a_two()") == 2


def test_needed_function_without_a_file_is_refused(folder: Path) -> None:
    (folder / "a_two.sql").write_text(TWO)
    with pytest.raises(MigrationError, match="a_two needs the function one"):
        read_schema(folder.parent)


def test_changed_file_alone_is_applied_again(empty: Database, folder: Path) -> None:
    (folder / "one.sql").write_text(ONE)
    (folder / "a_two.sql").write_text(TWO)
    migrate(empty.owner_url, folder.parent)
    (folder / "one.sql").write_text(ONE.replace("RETURN 1", "RETURN 10"))
    assert pending(empty.url, folder.parent) == ["one"]
    assert migrate(empty.owner_url, folder.parent).functions == ["one"]
    assert answer(empty, "SELECT a_two()") == 11
    assert not migrate(empty.owner_url, folder.parent)


@pytest.mark.parametrize("returns, parameters, types", [("bigint", "", ""), ("integer", "a integer", "integer")])
def test_changed_signature_leaves_no_second_function(
    empty: Database, folder: Path, returns: str, parameters: str, types: str
) -> None:
    (folder / "secret.sql").write_text(DEFINER.format(parameters="", types="", returns="integer"))
    migrate(empty.owner_url, folder.parent)
    (folder / "secret.sql").write_text(DEFINER.format(parameters=parameters, types=types, returns=returns))
    migrate(empty.owner_url, folder.parent)
    assert catalogue(empty) == [(f"secret({types})", "sluice_system")]
    assert answer(empty, "SELECT prorettype::regtype::text FROM pg_proc WHERE proname = 'secret'") == returns


def test_renamed_parameter_replaces_the_function(empty: Database, folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "secret.sql").write_text(
            DEFINER.format(parameters=f"{name} integer", types="integer", returns="integer")
        )
        migrate(empty.owner_url, folder.parent)
    assert answer(empty, "SELECT proargnames::text FROM pg_proc WHERE proname = 'secret'") == "{b}"


def test_function_without_a_file_is_dropped(empty: Database, folder: Path) -> None:
    (folder / "one.sql").write_text(ONE)
    (folder / "secret.sql").write_text(DEFINER.format(parameters="", types="", returns="integer"))
    migrate(empty.owner_url, folder.parent)
    (folder / "secret.sql").unlink()
    assert migrate(empty.owner_url, folder.parent).dropped == ["secret"]
    assert catalogue(empty) == [("one()", "sluice_owner")]
    assert not migrate(empty.owner_url, folder.parent)


def test_function_dropped_by_a_migration_comes_back(empty: Database, folder: Path) -> None:
    """A column that a function reads is dropped only after the function; its file need not change."""
    (folder / "one.sql").write_text(ONE)
    migrate(empty.owner_url, folder.parent)
    (folder.parent / "migrations").mkdir()
    (folder.parent / "migrations" / "0001_drop.sql").write_text("DROP FUNCTION one();")
    changes = migrate(empty.owner_url, folder.parent)
    assert (changes.migrations, changes.functions) == (["0001_drop"], ["one"])


def test_bad_function_leaves_the_others_unchanged(empty: Database, folder: Path) -> None:
    (folder / "one.sql").write_text(ONE)
    (folder / "two.sql").write_text(ONE.replace("one", "two").replace("RETURN 1", "RETURN no_such_function()"))
    with pytest.raises(psycopg.errors.UndefinedFunction):
        migrate(empty.owner_url, folder.parent)
    assert catalogue(empty) == []
    assert pending(empty.url, folder.parent) == ["one", "two"]


def test_schema_is_read_from_any_folder(tmp_path: Path) -> None:
    for name in ("migrations", "takeover", "functions"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    assert read_schema(tmp_path) == read_schema()

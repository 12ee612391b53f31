"""`sluice_app` may create temporary tables; no function of `sluice_system` reads or writes one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import Connection

from app.http.auth import token_sha256
from app.usecases.stores import CreatedStore
from db.core.installation import APP
from db.core.tenancy import tenant
from db.stores.console_sessions import open_session
from db.stores.tokens import authenticate_token
from tests.conftest import Database, Servers
from workers.core.ids import new_id

SYSTEM = "sluice_system"
SEARCH_PATHS = (["search_path=pg_catalog, pg_temp"], ["search_path=pg_catalog, public, pg_temp"])
COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)

# Columns of temporary tables that a function would take for the real ones.
COLUMNS = {
    "api_tokens": "id uuid, store_id uuid, token_sha256 bytea, role text, scopes text[], created_at timestamptz,"
    " expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz",
    "console_sessions": "session_sha256 bytea, token_id uuid, expires_at timestamptz",
    "sync_totals": "shard integer, entity text, source text, completed bigint, failed bigint, cancelled bigint,"
    " attempts bigint, inserted bigint, updated bigint, unchanged bigint, stale bigint, invalid bigint, existing bigint,"
    " UNIQUE (shard, entity, source)",
}
# Whoever creates a temporary table may give it a trigger, which runs as the role that writes the table.
TRAP = """
CREATE TEMPORARY TABLE ran_as (role name);
GRANT ALL ON ran_as TO PUBLIC;
CREATE FUNCTION pg_temp.note_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.ran_as VALUES (current_user);
    RETURN NEW;
END
$$;
CREATE TEMPORARY TABLE {table} ({columns});
GRANT ALL ON {table} TO PUBLIC;
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION pg_temp.note_role();
"""


@dataclass(frozen=True)
class Definer:
    """A SECURITY DEFINER function. `source` is None where its names were bound as it was created (BEGIN ATOMIC)."""

    name: str
    owner: str
    owner_can_login: bool
    settings: list[str] | None
    for_anyone: bool
    source: str | None


@pytest.fixture(scope="module")
def definers(root_conn: Connection) -> list[Definer]:
    query = """SELECT p.oid::regprocedure::text, r.rolname, r.rolcanlogin, p.proconfig,
                      has_function_privilege('public', p.oid, 'EXECUTE'),
                      CASE WHEN p.prosqlbody IS NULL THEN p.prosrc END
                 FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
                WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"""
    found = [Definer(*row) for row in root_conn.execute(query)]
    assert len(found) > 25
    return found


@pytest.fixture(scope="module")
def relations(root_conn: Connection) -> set[str]:
    query = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
    )
    return {row[0] for row in root_conn.execute(query)}


@pytest.fixture
def session(database: Database) -> Iterator[Connection]:
    """A session of the application's role; its temporary tables end with it."""
    with psycopg.connect(database.url, autocommit=True) as opened:
        yield opened


def set_trap(session: Connection, table: str) -> None:
    session.execute(TRAP.format(table=table, columns=COLUMNS[table]).encode())


def roles_caught(session: Connection) -> set[str]:
    return {row[0] for row in session.execute("SELECT role FROM pg_temp.ran_as")}


def test_temporary_api_tokens_is_not_read(session: Connection) -> None:
    set_trap(session, "api_tokens")
    session.execute("ALTER TABLE pg_temp.api_tokens DISABLE TRIGGER note")
    values = (new_id(), token_sha256("mine"))
    session.execute("INSERT INTO pg_temp.api_tokens (id, token_sha256, role) VALUES (%s, %s, 'operator')", values)
    session.execute("ALTER TABLE pg_temp.api_tokens ENABLE TRIGGER note")
    assert (authenticate_token(session, token_sha256("mine")), roles_caught(session)) == (None, set())


def test_temporary_console_sessions_is_not_written(session: Connection, store: CreatedStore) -> None:
    set_trap(session, "console_sessions")
    assert open_session(session, b"s" * 32, token_sha256(store.token), 60.0) is not None
    assert roles_caught(session) == set()


def test_temporary_sync_totals_is_not_written(session: Connection, store: CreatedStore) -> None:
    set_trap(session, "sync_totals")
    with tenant(session, store.store_id):
        session.execute(
            """INSERT INTO sync_logs (id, store_id, entity, source, mode, status, received, next_attempt_at, finished_at)
               VALUES (%s, %s, 'orders', 'plugin', 'upsert', 'completed', 0, now(), now())""",
            (new_id(), store.store_id),
        )
    assert roles_caught(session) == set()


def test_every_definer_function_ends_its_path_in_pg_temp(definers: list[Definer]) -> None:
    """A path that does not name pg_temp begins with it."""
    assert [definer.name for definer in definers if definer.settings not in SEARCH_PATHS] == []


def test_every_definer_function_runs_as_sluice_system(definers: list[Definer]) -> None:
    assert {(definer.owner, definer.owner_can_login) for definer in definers} == {(SYSTEM, False)}


def test_no_definer_function_is_for_anyone(definers: list[Definer]) -> None:
    assert [definer.name for definer in definers if definer.for_anyone] == []


def test_no_definer_function_stands_in_another_schema(root_conn: Connection) -> None:
    query = """SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE p.prosecdef AND n.nspname NOT IN ('public', 'pg_catalog', 'information_schema')"""
    assert root_conn.execute(query).fetchall() == []


def unqualified(source: str, relations: set[str]) -> list[str]:
    """Names of tables in a function's source without their schema; comments and texts do not count."""
    words = re.findall(r"(?<![\w.])(\w+)(?!\w)", COMMENT_OR_TEXT.sub(" ", source))
    return sorted({word for word in words if word in relations})


def test_every_definer_function_qualifies_its_tables(definers: list[Definer], relations: set[str]) -> None:
    found = {definer.name: unqualified(definer.source, relations) for definer in definers if definer.source}
    assert len(found) >= 3
    assert {name: tables for name, tables in found.items() if tables} == {}


def test_unqualified_names_are_found() -> None:
    source = "DECLARE x orders%ROWTYPE; BEGIN -- logs\n SELECT 'logs' FROM public.logs l JOIN orders o; END"
    assert unqualified(source, {"orders", "logs"}) == ["orders"]


def test_only_the_staging_role_may_create_temporary_tables(servers: Servers) -> None:
    """Read in the database that was migrated: a copy of it does not take the privileges along."""
    query = """SELECT rolname FROM pg_roles WHERE has_database_privilege(rolname, current_database(), 'TEMPORARY')
                  AND NOT rolsuper AND rolname LIKE 'sluice%' ORDER BY rolname"""
    with psycopg.connect(servers.postgres.superuser_url("sluice"), autocommit=True) as conn:
        public = conn.execute("SELECT has_database_privilege('public', current_database(), 'TEMPORARY')").fetchone()
        assert public == (False,)
        assert [row[0] for row in conn.execute(query)] == [APP, "sluice_owner"]


@pytest.mark.parametrize("role", [APP, "public"])
def test_role_may_create_nothing_in_the_schema(root_conn: Connection, role: str) -> None:
    assert root_conn.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", (role,)).fetchone() == (False,)

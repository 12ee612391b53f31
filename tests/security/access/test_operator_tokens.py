"""Operators' tokens are listed, revoked and rotated by the tables' owner; the application's role can't create one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from app.commands.terminal.exits import DONE, FAILED, NOT_FOUND
from app.http.auth import token_sha256
from app.usecases.stores import CreatedStore, Origin, create_operator
from db.core.migrate import migrate
from db.core.tenancy import tenant
from db.stores.operator_tokens import as_system
from db.stores.tokens import authenticate_token
from tests.conftest import Database, Servers
from tests.support.old_schema import old_database
from workers.core.ids import new_id

Command = Callable[..., tuple[int, str]]
ALL = ["ingest", "read", "erp", "pull", "admin"]
GRACE = timedelta(hours=1)


@pytest.fixture
def operators(command_line: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`python -m app operators …` with the owner's URL."""
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database.owner_url)
    return lambda *words: command_line("operators", *words)


def answer_of(said: tuple[int, str]) -> Any:
    assert said[0] == DONE, said
    return json.loads(said[1])


def find(operators: Command, label: str) -> dict[str, Any]:
    (found,) = [token for token in answer_of(operators("list", "--json")) if token["label"] == label]
    assert isinstance(found, dict)
    return found


def test_application_role_creates_no_operator_token(conn: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        conn.execute("SELECT create_operator_token(%s, %s)", (new_id(), b"x" * 32))


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_application_role_inserts_no_token_of_no_store(conn: Connection, store: CreatedStore, role: str) -> None:
    query = "INSERT INTO api_tokens (id, token_sha256, role, scopes) VALUES (%s, %s, %s, '{admin}')"
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant(conn, store.store_id):
        conn.execute(query.encode(), (new_id(), b"x" * 32, role))


def test_application_role_does_not_become_the_system(conn: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_system(conn):
        pass


def test_created_token_expires_in_90_days(operators: Command) -> None:
    token = answer_of(operators("create", "--label", "On call", "--json"))["token"]
    found = find(operators, "On call")
    lifetime = datetime.fromisoformat(found["expiresAt"]) - datetime.fromisoformat(found["createdAt"])
    assert timedelta(days=89) < lifetime < timedelta(days=91)
    assert (found["state"], found["scopes"], found["lastUsedAt"]) == ("live", ALL, None)
    assert found["createdBy"].startswith("command line") and token not in json.dumps(found)


def test_token_without_end_is_asked_for_by_name(operators: Command) -> None:
    operators("create", "--label", "Without end", "--never")
    assert find(operators, "Without end")["expiresAt"] is None
    assert "never" in next(line for line in operators("list")[1].splitlines() if "Without end" in line)


def test_last_use_is_listed(operators: Command, conn: Connection) -> None:
    token = answer_of(operators("create", "--label", "Used", "--json"))["token"]
    assert authenticate_token(conn, token_sha256(token)) is not None
    assert find(operators, "Used")["lastUsedAt"] is not None


def test_revoked_token_is_unknown(operators: Command, conn: Connection) -> None:
    token = answer_of(operators("create", "--label", "Leaked", "--json"))["token"]
    assert operators("revoke", find(operators, "Leaked")["tokenId"])[0] == DONE
    assert authenticate_token(conn, token_sha256(token)) is None
    assert find(operators, "Leaked")["state"] == "revoked"
    assert operators("revoke", find(operators, "Leaked")["tokenId"])[0] == NOT_FOUND


@pytest.mark.parametrize(("hours", "is_live"), [("1", True), ("0", False)])
def test_rotated_token_ends_after_its_grace(operators: Command, conn: Connection, hours: str, is_live: bool) -> None:
    label = f"Rotated {hours}"
    before = answer_of(operators("create", "--label", label, "--json"))["token"]
    token_id = find(operators, label)["tokenId"]
    after = answer_of(operators("rotate", token_id, "--grace-hours", hours, "--json"))["token"]
    assert (authenticate_token(conn, token_sha256(before)) is not None) == is_live
    assert authenticate_token(conn, token_sha256(after)) is not None
    assert len([token for token in answer_of(operators("list", "--json")) if token["label"] == label]) == 2


def test_rotation_of_an_unknown_token_is_refused(operators: Command) -> None:
    assert operators("rotate", str(new_id()))[0] == NOT_FOUND


def test_a_stores_token_is_no_operators(operators: Command, root_conn: Connection, store: CreatedStore) -> None:
    ((token_id,),) = root_conn.execute("SELECT id FROM api_tokens WHERE store_id = %s", (store.store_id,)).fetchall()
    assert operators("revoke", str(token_id))[0] == NOT_FOUND
    assert str(token_id) not in operators("list", "--json")[1]


@pytest.mark.parametrize("action", [("list",), ("create",), ("revoke", str(new_id())), ("rotate", str(new_id()))])
def test_missing_owner_url_is_named(command_line: Command, action: tuple[str, ...]) -> None:
    code, said = command_line("operators", *action)
    assert code == FAILED and "MIGRATION_DATABASE_URL must be set" in said


def test_owner_url_alone_is_enough(operators: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the container of the migrations, which has no other setting."""
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(name)
    assert operators("list")[0] == DONE


def test_application_url_as_owner_url_is_refused(
    command_line: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database.url)
    code, said = command_line("operators", "create")
    assert code == FAILED and "sluice_owner" in said


def test_expired_operator_token_is_unknown(owner_conn: Connection, conn: Connection) -> None:
    token = create_operator(owner_conn, Origin("test", lifetime=timedelta(0)))
    assert authenticate_token(conn, token_sha256(token)) is None


@pytest.fixture
def before_scopes(servers: Servers) -> Iterator[Database]:
    """A database as the migrations before 0018 left it."""
    with old_database(servers, "0017") as made:
        yield made


def test_migration_keeps_what_tokens_could_do(before_scopes: Database) -> None:
    """All stay valid; a plugin's token alone loses `erp`."""
    store_id, tokens = new_id(), {role: new_id().bytes * 2 for role in ("store", "admin", "operator")}
    with psycopg.connect(before_scopes.superuser_url, autocommit=True) as root:
        root.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'Shop', 'woocommerce')", (store_id,))
        for role, sha256 in tokens.items():
            owner = None if role == "operator" else store_id
            query = "INSERT INTO api_tokens (id, store_id, token_sha256, role) VALUES (%s, %s, %s, %s)"
            root.execute(query, (new_id(), owner, sha256, role))
        migrate(before_scopes.owner_url)
        kept = root.execute("SELECT role, expires_at, created_by FROM api_tokens ORDER BY created_at").fetchall()
    with psycopg.connect(before_scopes.url, autocommit=True) as conn:
        callers = {role: authenticate_token(conn, sha256) for role, sha256 in tokens.items()}
    assert {role: caller.scopes for role, caller in callers.items() if caller} == {
        "store": ["ingest", "read", "pull"],
        "admin": ALL,
        "operator": ALL,
    }
    assert [row[1:] for row in kept] == [(None, None)] * 3

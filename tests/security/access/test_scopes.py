"""A token may do what its scopes allow, and nothing else: through API, console and command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import structlog
from flask import Flask, g
from flask.testing import FlaskClient
from psycopg import Connection

from app.commands.terminal.exits import DONE, NOT_FOUND
from app.http.scopes import CUSTOM, PRESETS, grant_of
from app.usecases.stores import CreatedStore, Origin, add_token
from schemas.platforms.registry import PLATFORMS
from tests.support.console import World, csrf_of, place, visitor
from tests.support.contract import OPERATIONS
from tests.support.outbound import make_erp_product
from tests.support.paths import ROOT
from tests.support.pipeline import bearer
from workers.core.ids import new_id

TOKENS = ROOT / "docs" / "tokens.md"
CALLS = ROOT / "docs" / "api.md"
ROW = re.compile(r"^\| `([A-Z]+) (/api/\S+)` \| ([^|]+) \|", re.MULTILINE)
GUARDED = [operation for operation in OPERATIONS if isinstance(operation.access, tuple)]
Command = Callable[..., tuple[int, str]]


def test_listed_scopes_are_those_of_the_routes() -> None:
    described = {
        (method, path): tuple(re.findall(r"`(\w+)`", scopes)) for method, path, scopes in ROW.findall(CALLS.read_text())
    }
    pulls = re.compile(rf"^/api/({'|'.join(PLATFORMS)})/sync/pulls$")  # one row for all platforms
    named = [(one, pulls.sub("/api/{platform}/sync/pulls", one.path)) for one in GUARDED]
    assert described == {(one.method.upper(), path): one.access for one, path in named}


def test_presets_in_the_guide_are_those_in_use() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", TOKENS.read_text(), re.MULTILINE)
    assert {role: tuple(re.findall(r"`(\w+)`", scopes)) for role, scopes in rows} == dict(PRESETS)


def test_plugin_token_does_not_write_erp_catalogue(client: FlaskClient, store: CreatedStore) -> None:
    product = make_erp_product() | {"description": "<script>steal()</script>"}
    answer = client.put("/api/v1/erp/products", json={"products": [product]}, headers=bearer(store.token))
    assert answer.status_code == 403
    assert (answer.json or {})["error"]["details"] == {"missingScopes": ["erp"]}


def test_database_refuses_unknown_and_no_scopes(root_conn: Connection, store: CreatedStore) -> None:
    for scopes in (["everything"], [], [None]):
        with pytest.raises(psycopg.errors.CheckViolation):
            root_conn.execute("UPDATE api_tokens SET scopes = %s WHERE store_id = %s", (scopes, store.store_id))


@pytest.mark.parametrize(("role", "scopes"), [("owner", ()), ("store", ("everything",)), ("", ())])
def test_unknown_role_and_scope_are_refused(role: str, scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="choose one"):
        grant_of(role, scopes)


def scoped(conn: Connection, world: World, *scopes: str) -> str:
    token = add_token(conn, world.full.store_id, grant_of("", scopes), Origin("test"))
    assert token is not None
    return token


def test_console_shows_no_button_that_is_refused(world: World, conn: Connection) -> None:
    guest, store_id = visitor(world.app, scoped(conn, world, "read")), world.full.store_id
    for page in ("/", "/store", f"/logs/{world.failed}"):
        answer = guest.get(place(store_id, page))
        forms = set(re.findall(r'<form[^>]* method="post"[^>]* action="([^"]+)"', answer.text))
        assert (answer.status_code, forms) == (200, {"/console/logout"}), page


def test_console_session_without_read_sees_no_page(world: World, conn: Connection) -> None:
    guest = visitor(world.app, scoped(conn, world, "ingest"))
    assert guest.get(place(world.full.store_id)).status_code == 403


def test_console_changes_need_more_than_read(world: World) -> None:
    views = world.app.view_functions
    changes = {
        rule.rule: getattr(views[rule.endpoint], "requires", None)
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/console/<uuid:store_id>") and "POST" in (rule.methods or ())
    }
    assert len(changes) > 8
    assert [path for path, guard in changes.items() if not isinstance(guard, tuple) or "read" in guard] == []


def test_console_creates_a_token_with_chosen_scopes(world: World, conn: Connection) -> None:
    guest, page = visitor(world.app, scoped(conn, world, "read", "admin")), place(world.full.store_id, "/store")
    form = {"role": CUSTOM, "scopes": ["read", "pull"], "label": "Night <b>jobs</b>", "days": "7"}
    answer = guest.client.post(f"/console{page}/tokens", data={"csrf": csrf_of(guest.get(page)), **form})
    assert 'value="slc_' in answer.text
    listed = guest.read(page)
    assert "Night <b>jobs</b>" in listed and "read, pull" in listed and "ends in" in listed
    assert "by token " in listed


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"role": CUSTOM}, "Choose at least one scope."),
        ({"role": CUSTOM, "scopes": "everything"}, "Choose at least one scope."),
        ({"role": "operator"}, "Choose what the token is for."),
        ({"role": "store", "days": "0"}, "Enter a whole number"),
        ({"role": "store", "label": "x" * 201}, "Enter a label"),
    ],
)
def test_console_refuses_a_wrong_token_form(world: World, form: dict[str, str], problem: str) -> None:
    guest, page = visitor(world.app, world.full.token), place(world.full.store_id, "/store")
    answer = guest.client.post(f"/console{page}/tokens", data={"csrf": csrf_of(guest.get(page)), **form})
    assert answer.status_code == 400 and problem in answer.text


def answer_of(said: tuple[int, str]) -> Any:
    assert said[0] == DONE, said
    return json.loads(said[1])


def test_commands_create_list_rotate_and_revoke(command_line: Command, store: CreatedStore) -> None:
    own = str(store.store_id)
    words = ("--scopes", "read,erp", "--label", "ERP of jane@example.com", "--days", "30", "--json")
    assert answer_of(command_line("tokens", "create", own, *words))["token"].startswith("slc_")
    (made, first) = answer_of(command_line("tokens", "list", own, "--json"))
    assert (made["scopes"], made["role"], made["state"]) == (["read", "erp"], CUSTOM, "live")
    assert "jane" not in made["label"] and made["expiresAt"] and first["label"] is None
    rotated = command_line("tokens", "rotate", own, made["tokenId"], "--grace-hours", "0", "--json")
    assert answer_of(rotated)["token"].startswith("slc_")
    (new, old, _) = answer_of(command_line("tokens", "list", own, "--json"))
    assert (old["state"], new["state"]) == ("expired", "live")
    assert (new["scopes"], new["label"], bool(new["expiresAt"])) == (made["scopes"], made["label"], True)
    assert command_line("tokens", "revoke", own, new["tokenId"])[0] == DONE
    assert command_line("tokens", "rotate", own, new["tokenId"])[0] == NOT_FOUND
    assert command_line("tokens", "create", str(new_id()))[0] == NOT_FOUND


def test_new_store_may_choose_its_scopes(command_line: Command) -> None:
    words = ("--name", "Shop", "--platform", "woocommerce", "--scopes", "ingest", "--json")
    made = answer_of(command_line("stores", "create", *words))
    (token,) = answer_of(command_line("tokens", "list", made["storeId"], "--json"))
    assert (token["role"], token["scopes"]) == (CUSTOM, ["ingest"])


@pytest.mark.parametrize(("path", "status"), [("/api/sync/status", 200), ("/api/v1/woocommerce/sync/failed", 403)])
def test_request_names_its_token_in_the_log(
    app: Flask, store: CreatedStore, root_conn: Connection, path: str, status: int
) -> None:
    """Refused or not. The line is logged with what is bound as the answer leaves."""
    ((token_id,),) = root_conn.execute("SELECT id FROM api_tokens WHERE store_id = %s", (store.store_id,)).fetchall()
    with app.test_client() as client:
        assert client.get(path, headers=bearer(store.token)).status_code == status
        assert g.caller.token_id == token_id
    assert structlog.contextvars.get_contextvars()["token_id"] == str(token_id)
    named = structlog.contextvars.get_contextvars().get("store_id")
    assert named == (str(store.store_id) if status == 200 else None), "named once the store may be entered"


def test_console_names_its_session_in_the_log(world: World) -> None:
    assert visitor(world.app, world.full.token).get(place(world.full.store_id)).status_code == 200
    bound = structlog.contextvars.get_contextvars()
    assert (bound["role"], bound["store_id"]) == ("admin", str(world.full.store_id))
    assert "token_id" in bound

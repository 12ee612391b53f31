"""The audit trail: events can't be changed or removed, every change has one, and none contains a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import click
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.routing import Rule

from app.audit import requests
from app.audit.actions import API_ALONE, COMMAND_ACTIONS, CONSOLE, JOB_ACTIONS, all_actions
from app.audit.caps import MOST_OF_A_TOKEN, MOST_OF_ALL_ADDRESSES, MOST_OF_AN_ADDRESS, RefusalCap
from app.audit.requests import CAP, SAFE_METHODS, action_of
from app.commands.terminal.declaration import Command as OurCommand
from app.server import factory
from app.usecases.stores import CreatedStore, create_store, delete_store
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event, prune_events
from tests.support.commands import all_commands
from tests.support.console import Visitor, World, csrf_of, place, visitor
from tests.support.factories import make_order
from tests.support.paths import ROOT
from tests.support.pipeline import bearer, post
from workers.core.ids import new_id

Command = Callable[..., tuple[int, str]]
BY_REQUEST = "SELECT action, result, code, actor_kind, actor, address FROM audit_events WHERE request_id = %s"


@pytest.fixture(autouse=True)
def fresh_cap(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refusals of other tests count for none here."""
    for name in ("app", "world"):
        if name in request.fixturenames:
            found = request.getfixturevalue(name)
            (found if isinstance(found, Flask) else found.app).extensions[CAP] = RefusalCap()
    yield


def write(conn: Connection, store_id: UUID | None = None, action: str = "token.create") -> None:
    event = AuditEvent(action, "ok", "token", str(new_id()), store_id)
    if store_id is None:
        insert_event(conn, event)
        return
    with tenant(conn, store_id):
        insert_event(conn, event)


def events_of(root_conn: Connection, request_id: str) -> list[tuple[Any, ...]]:
    return root_conn.execute(BY_REQUEST, (request_id,)).fetchall()


def count(root_conn: Connection, where: str = "true", *parameters: object) -> int:
    row = root_conn.execute(f"SELECT count(*) FROM audit_events WHERE {where}".encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])


# Append only


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_events SET actor = 'somebody else'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DROP TABLE audit_events",
        "ALTER TABLE audit_events DISABLE ROW LEVEL SECURITY",
        "CREATE TRIGGER t BEFORE INSERT ON audit_events EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "INSERT INTO audit_events (actor_kind, action, result, happened_at) VALUES ('token', 'x', 'ok', '2020-01-01')",
        "INSERT INTO audit_events (id, actor_kind, action, result) OVERRIDING SYSTEM VALUE VALUES (1, 'token', 'x', 'ok')",
    ],
)
def test_application_role_can_only_append(conn: Connection, root_conn: Connection, store_id: UUID, attack: str) -> None:
    write(conn, store_id)
    before = count(root_conn)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant(conn, store_id):
        conn.execute(attack.encode())
    assert count(root_conn) == before > 0


def test_event_of_another_store_is_refused(conn: Connection, store_id: UUID, other_store: CreatedStore) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant(conn, other_store.store_id):
        insert_event(conn, AuditEvent("token.create", "ok", "token", None, store_id))


def test_store_reads_only_its_own_events(conn: Connection, store_id: UUID, other_store: CreatedStore) -> None:
    write(conn, store_id)
    write(conn)
    with tenant(conn, other_store.store_id):
        assert conn.execute("SELECT count(*) FROM audit_events").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM audit_events").fetchone() == (0,)


def test_pruning_never_takes_recent_events(conn: Connection, root_conn: Connection, store_id: UUID) -> None:
    for age in ("29 days", "31 days", "400 days"):
        write(conn, store_id)
        root_conn.execute(
            "UPDATE audit_events SET happened_at = now() - %s::interval WHERE id = (SELECT max(id) FROM audit_events)",
            (age,),
        )
    assert prune_events(conn, 365, 100) == 1
    assert prune_events(conn, 0, 100) == 1  # asked for everything
    assert count(root_conn, "store_id = %s", store_id) == 1


def test_events_outlive_their_store(conn: Connection, root_conn: Connection) -> None:
    made = create_store(conn, "Short-lived", "woocommerce")
    write(conn, made.store_id)
    assert delete_store(conn, made.store_id)
    assert count(root_conn, "store_id = %s", made.store_id) == 1


def test_definer_functions_end_their_path_in_pg_temp(root_conn: Connection) -> None:
    query = """SELECT proname, proconfig FROM pg_proc
                WHERE prosecdef AND proname IN ('list_audit_events_of_all', 'dispatch_prune_audit')"""
    found = root_conn.execute(query).fetchall()
    assert sorted(name for name, _ in found) == ["dispatch_prune_audit", "list_audit_events_of_all"]
    assert all(settings == ["search_path=pg_catalog, public, pg_temp"] for _, settings in found)


# Complete


def changing_rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        yield from ((rule, method) for method in sorted(rule.methods or ()) if method not in SAFE_METHODS)


def test_every_changing_route_has_its_action(app: Flask) -> None:
    """A console page in the table, a route of the API at its view; an action is a known name, or False."""
    changing = {rule.endpoint for rule, _ in changing_rules(app)}
    pages = {endpoint for endpoint in changing if endpoint.startswith("console.")}
    assert pages == set(CONSOLE)
    declared = {one: app.view_functions[one].operations[0].audit for one in changing - pages}  # type: ignore[union-attr]
    assert {one for one, action in declared.items() if action is not False and action not in all_actions()} == set()


def path_of(rule: Rule, store_id: UUID) -> str:
    """An address of the rule: the first of its choices, the caller's store, and ids of nothing."""
    path = rule.rule.replace("<uuid:store_id>", str(store_id))
    path = re.sub(r"<any\(([^,)]+)[^)]*\):\w+>", r"\1", path)
    return re.sub(r"<[^>]+>", str(new_id()), path)


def test_every_changing_route_leaves_an_event(world: World, root_conn: Connection) -> None:
    """Whatever comes of the request: each is asked with nothing that could be done, or with nothing at all."""
    own, boss = visitor(world.app, world.full.token), visitor(world.app, world.operator)
    csrf = {guest: csrf_of(guest.get(place(world.full.store_id))) for guest in (own, boss)}
    rules = sorted(changing_rules(world.app), key=lambda pair: pair[0].endpoint == "console.logout")
    silent = []
    for number, (rule, method) in enumerate(rules):
        world.app.extensions[CAP] = RefusalCap()
        path, name = path_of(rule, world.full.store_id), f"walk-{number}"
        guest = boss if rule.endpoint == "console.create_store" else own
        is_page = rule.endpoint.startswith("console.")
        headers = {"X-Request-Id": name} | ({} if is_page else bearer(world.full.token))
        sent: dict[str, Any] = {"data": {"csrf": csrf[guest]}} if is_page else {"json": {}}
        answer = guest.client.open(path, method=method, headers=headers, **sent)
        assert answer.status_code not in (405, 500), (rule.endpoint, answer.text)
        found = events_of(root_conn, name)
        with world.app.app_context():
            action = action_of(rule.endpoint)
        if action is None:
            assert found == [], rule.endpoint
        elif len(found) != 1 or found[0][0] not in all_actions():
            silent.append((rule.endpoint, found))
    assert len(rules) > 30 and silent == []


def test_every_command_says_what_it_changes() -> None:
    """A command can't be made without saying so, and its actions are those that the console and the document list."""
    with pytest.raises(TypeError, match="changes"):
        click.command("silent", cls=OurCommand)(lambda _settings: 0)
    declared = {command.changes for command in all_commands().values()} - {None}
    assert declared - {*CONSOLE.values(), *API_ALONE, *JOB_ACTIONS} == set(COMMAND_ACTIONS)


def test_unlisted_route_is_recorded_by_its_own_name(
    app: Flask, client: FlaskClient, store: CreatedStore, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.view_functions["jobs.retry_job"], "operations", ())
    answer = client.post(f"/api/sync/jobs/{new_id()}/retry", headers=bearer(store.token))
    assert [event[0] for event in events_of(root_conn, answer.headers["X-Request-Id"])] == ["jobs.retry_job"]


def test_every_changing_command_leaves_an_event(command_line: Command, root_conn: Connection, store_id: UUID) -> None:
    """Done or not: those that need more than an id of nothing are asked for in tests of their own."""
    nothing, store = str(new_id()), ("--store", str(store_id))
    asked: dict[str, tuple[str, ...]] = {
        "stores create": ("--name", "Shop", "--platform", "woocommerce"),
        "stores set-credentials": (nothing, "--credentials", "{}"),
        "stores set-timezone": (nothing, "UTC"),
        "stores rotate-token": (nothing,),
        "stores revoke-tokens": (nothing,),
        "stores delete": (nothing, "--yes"),
        "stores scrub": (),
        "tokens create": (str(store_id),),
        "tokens revoke": (str(store_id), nothing),
        "tokens rotate": (str(store_id), nothing),
        "operators create": (),
        "operators sign-in": (),
        "operators revoke": (nothing,),
        "operators rotate": (nothing,),
        "jobs retry": (nothing,),
        "schedules set": (*store, "--every", "60"),
        "schedules remove": store,
        "erp import": ("/nowhere/products.csv", *store),
        "erp discontinue": (nothing, *store),
        "erp event-secret": (str(store_id),),
        "woo sync": store,
        "woo retry": store,
        "woo approve": (nothing, *store),
        "woo reject": (nothing, *store),
        "woo brakes": store,
        "woo pace": (*store, "--calls", "2"),
        "woo check-drift": store,
        "woo drift-policy": store,
        "woo discontinued": (*store, "--policy", "draft"),
        "woo trashed": (*store, "--policy", "hold"),
        "migrate": (),
    }
    changing = {words: command.changes for words, command in all_commands().items() if command.changes is not None}
    ours = {words for words in changing if words.split()[0] not in ("backup", "restore", "keys")}
    assert ours == set(asked)
    silent = []
    for words, more in asked.items():
        before = count(root_conn, "action = %s", changing[words])
        command_line(*words.split(), *more)
        if count(root_conn, "action = %s", changing[words]) != before + 1:
            silent.append(words)
    assert silent == []


def test_accepting_a_batch_writes_no_event(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot path pays nothing: each batch is a sync log."""
    monkeypatch.delattr(requests, "append")  # to reach for it fails, and is told by the answer's event being lost
    lost: list[str] = []
    monkeypatch.setattr(requests.log, "error", lambda event, **_facts: lost.append(event))
    assert post(client, store.token, "orders", [make_order()]).status_code == 202
    assert lost == []


def test_event_that_cannot_be_written_is_logged_whole(
    client: FlaskClient, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = create_store(conn, "Administered", "woocommerce", role="admin")
    lost: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(requests.log, "error", lambda event, **facts: lost.append((event, facts)))
    monkeypatch.delattr(requests, "append")
    answer = client.post("/api/v1/woocommerce/events", headers=bearer(store.token), json={"events": []})
    assert answer.status_code == 202, "the change was committed, and is answered"
    ((event, facts),) = lost
    assert event == "audit_event_lost"
    assert (facts["action"], facts["result"], facts["store_id"]) == ("erp.events", "ok", str(store.store_id))


# Refusals are bounded, and tell no secret


def test_request_line_names_token_and_address(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(factory.log, "info", lambda _event, **facts: lines.append(facts))
    for headers in (bearer(store.token), {}):
        client.get("/api/sync/status", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.4"})
    row = root_conn.execute("SELECT id::text FROM api_tokens WHERE store_id = %s", (store.store_id,)).fetchone()
    assert row is not None
    assert [(line["token_id"], line["address"]) for line in lines] == [(row[0], "203.0.113.4"), (None, "203.0.113.4")]


def test_wrong_tokens_leave_a_bounded_number_of_events(client: FlaskClient, root_conn: Connection) -> None:
    before = count(root_conn)
    for _ in range(40):
        answer = client.get(
            "/api/sync/status", headers=bearer("slc_guess"), environ_base={"REMOTE_ADDR": "203.0.113.5"}
        )
        assert answer.status_code in (401, 429)
    found = root_conn.execute(
        "SELECT action, result, code, actor_kind, actor, store_id FROM audit_events WHERE address = '203.0.113.5'"
    ).fetchall()
    assert set(found) == {("api.sign_in", "refused", "UNAUTHORIZED", "unknown", None, None)}
    assert len(found) == count(root_conn) - before
    assert 1 <= len(found) <= 2 * MOST_OF_AN_ADDRESS  # the minute may have turned


def test_refusals_are_capped_by_address_token_and_total() -> None:
    minute = [0.0]
    cap = RefusalCap(clock=lambda: minute[0])
    assert sum(cap.admits("a", is_known=False) for _ in range(100)) == MOST_OF_AN_ADDRESS
    assert sum(cap.admits(f"b{n}", is_known=False) for n in range(1000)) == MOST_OF_ALL_ADDRESSES - MOST_OF_AN_ADDRESS
    assert len(cap._counts) <= MOST_OF_ALL_ADDRESSES, "nor does memory grow with addresses"
    assert sum(cap.admits("token", is_known=True) for _ in range(100)) == MOST_OF_A_TOKEN
    minute[0] = 60.0
    assert cap.admits("a", is_known=False) and cap.admits("token", is_known=True)


def test_signing_in_and_out_is_recorded(world: World, root_conn: Connection) -> None:
    guest = Visitor(world.app.test_client())
    guest.client.environ_base["REMOTE_ADDR"] = "203.0.113.6"
    assert guest.sign_in("slc_wrong").status_code == 401
    assert guest.sign_in(world.full.token).status_code == 302
    guest.post("/logout", place(world.full.store_id))
    query = (
        "SELECT action, result, code, actor_kind, store_id FROM audit_events WHERE address = '203.0.113.6' ORDER BY id"
    )
    assert root_conn.execute(query).fetchall() == [
        ("console.sign_in", "refused", "UNAUTHORIZED", "unknown", None),
        ("console.sign_in", "ok", None, "session", world.full.store_id),
        ("console.sign_out", "ok", None, "session", world.full.store_id),
    ]


def test_new_token_is_named_by_its_id(world: World, root_conn: Connection) -> None:
    admin, own = visitor(world.app, world.full.token), world.full.store_id
    admin.post(place(own, "/store/tokens"), place(own, "/store"), role="store")
    query = """SELECT count(*) FROM audit_events e JOIN api_tokens t ON t.id::text = e.details ->> 'tokenId'
                WHERE e.action = 'token.create' AND e.store_id = %s AND t.store_id = e.store_id"""
    assert root_conn.execute(query, (own,)).fetchone() != (0,)


def test_no_secret_stands_in_an_event(world: World, command_line: Command, root_conn: Connection) -> None:
    admin, own = visitor(world.app, world.full.token), world.full.store_id
    secrets = [world.full.token, "ck_a-consumer-key", "slc_in_a_path", "someone@example.com", "441700441700"]
    page = admin.post(place(own, "/store/tokens"), place(own, "/store"), role="store").text
    secrets += re.findall(r"slc_[\w-]{20,}", page)
    admin.post(
        place(own, "/store/credentials"), place(own, "/store"), consumer_key="ck_a-consumer-key", consumer_secret="cs_x"
    )
    for path in (
        "/api/v1/woocommerce/sync/product/slc_in_a_path",
        "/api/v1/woocommerce/sync/price/someone@example.com",
    ):
        admin.client.post(path, headers=bearer(world.full.token))
    admin.client.delete("/api/sync/customers/441700441700", headers=bearer(world.full.token))
    said = command_line(
        "stores", "create", "--name", "S", "--platform", "shopify", "--credentials", '{"a": "ck_a-consumer-key"}'
    )
    secrets += re.findall(r"slc_[\w-]{20,}", said[1])
    assert len(secrets) >= 7 and said[0] == 0
    kept = "\n".join(row[0] for row in root_conn.execute("SELECT e::text FROM audit_events e"))
    assert "token.create" in kept and "credentials.set" in kept and "customer.erase" in kept
    assert [secret for secret in secrets if re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", kept)] == []


def test_every_action_has_its_row_in_the_document() -> None:
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+[.][a-z_]+)` \|", text, re.MULTILINE)
    assert sorted(rows) == list(all_actions())

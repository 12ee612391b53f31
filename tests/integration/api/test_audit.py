"""The audit trail as it is read: by a store's admin over the API, by an operator at the terminal, and pruned by age."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.commands.terminal import audit as commands
from app.usecases.stores import CreatedStore, create_store, set_credentials
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event
from db.pulls.schedules import Schedule, put_schedule
from tests.conftest import Database
from tests.support.outbound import SECRET_KEY
from tests.support.pipeline import bearer
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher
from workers.processes.scheduler import PULL_SCHEDULES, run_due

Command = Callable[..., tuple[int, str]]
PATH = "/api/v1/audit"


@pytest.fixture
def owner(conn: Connection) -> CreatedStore:
    """A store with an admin's token."""
    return create_store(conn, "Audited shop", "woocommerce", role="admin")


def write(conn: Connection, store_id: UUID, *actions: str) -> None:
    with tenant(conn, store_id):
        for action in actions:
            insert_event(conn, AuditEvent(action, "ok", "command", "ada", store_id, "cli"))


def ask(client: FlaskClient, token: str, **query: object) -> dict[str, Any]:
    answer = client.get(
        PATH, query_string={name.rstrip("_"): str(value) for name, value in query.items()}, headers=bearer(token)
    )
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = (answer.json or {})["data"]
    return data


def test_api_change_records_actor_and_address(client: FlaskClient, owner: CreatedStore) -> None:
    changed = client.post(
        f"/api/sync/jobs/{new_id()}/retry", headers=bearer(owner.token) | {"X-Request-Id": "retry-1"},
        environ_base={"REMOTE_ADDR": "203.0.113.8"},
    )  # fmt: skip
    assert changed.status_code == 404
    (event,) = ask(client, owner.token)["events"]
    assert (event["action"], event["result"], event["code"]) == ("job.retry", "refused", "NOT_FOUND")
    assert (event["actorKind"], event["address"], event["requestId"]) == ("token", "203.0.113.8", "retry-1")
    assert event["storeId"] == str(owner.store_id) and set(event["details"]) == {"logId"}
    assert UUID(event["actor"]) and datetime.fromisoformat(event["at"])


def test_details_name_what_was_made(client: FlaskClient, owner: CreatedStore) -> None:
    product = {"product_id": str(new_id()), "sku": "L-1", "name": "Lamp", "price": "19.90", "stock": 3}
    client.put("/api/v1/erp/products", json={"products": [product]}, headers=bearer(owner.token))
    client.post("/api/v1/woocommerce/sync/all?dry_run=true", json={}, headers=bearer(owner.token))
    dry, written = ask(client, owner.token)["events"]
    assert (written["action"], written["details"]) == ("erp.write", {"entity": "products", "records": 1})
    assert (dry["action"], dry["details"]) == ("outbound.sync", {"dryRun": True})


def test_events_are_paged_without_gap_or_repeat(client: FlaskClient, conn: Connection, owner: CreatedStore) -> None:
    write(conn, owner.store_id, *(f"job.n{'abcdefg'[n]}" for n in range(7)))
    seen, cursor = [], None
    while True:
        page = ask(client, owner.token, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [event["action"] for event in page["events"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [f"job.n{letter}" for letter in "gfedcba"]


def test_events_are_filtered_by_action_actor_and_time(
    client: FlaskClient, conn: Connection, owner: CreatedStore
) -> None:
    write(conn, owner.store_id, "token.create", "token.revoke")
    assert [event["action"] for event in ask(client, owner.token, action="token.create")["events"]] == ["token.create"]
    for actor, found in (("ada", 2), ("command", 2), ("session", 0), ("bob", 0)):
        assert len(ask(client, owner.token, actor=actor)["events"]) == found
    newest, oldest = ask(client, owner.token)["events"]
    assert ask(client, owner.token, from_=newest["at"])["events"] == [newest]
    assert ask(client, owner.token, to=newest["at"])["events"] == [oldest]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "cursor=1",
        "cursor=99999999999999999.1",
        "action=DROP",
        "action=a%00",
        "actor=a%20b",
        "from=soon",
        "to=",
    ],
)
def test_wrong_query_is_refused(client: FlaskClient, owner: CreatedStore, query: str) -> None:
    answer = client.get(f"{PATH}?{query}", headers=bearer(owner.token))
    assert answer.status_code == 400
    assert (answer.json or {})["error"]["code"] == "VALIDATION_ERROR"


def test_only_admins_of_the_store_read_it(
    client: FlaskClient, conn: Connection, owner: CreatedStore, store: CreatedStore
) -> None:
    write(conn, owner.store_id, "token.create")
    assert client.get(PATH, headers=bearer(store.token)).status_code == 403
    assert client.get(PATH).status_code == 401
    other = create_store(conn, "Neighbour", "woocommerce", role="admin")
    assert ask(client, other.token)["events"] == []


def test_command_shows_one_store_or_all(command_line: Command, conn: Connection, owner: CreatedStore) -> None:
    write(conn, owner.store_id, "token.create", "token.revoke")
    insert_event(conn, AuditEvent("api.sign_in", "refused", "unknown", address="203.0.113.9", code="UNAUTHORIZED"))
    code, said = command_line("audit", "--store", str(owner.store_id), "--json")
    assert code == 0 and [event["action"] for event in json.loads(said)] == ["token.revoke", "token.create"]
    everything = json.loads(command_line("audit", "--json", "--limit", "3")[1])
    assert [event["action"] for event in everything] == ["api.sign_in", "token.revoke", "token.create"]
    only = json.loads(command_line("audit", "--json", "--action", "token.create", "--actor", "ada")[1])
    assert {event["action"] for event in only} == {"token.create"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert json.loads(command_line("audit", "--json", "--since", tomorrow)[1]) == []
    assert "refused UNAUTHORIZED" in command_line("audit", "--limit", "3")[1]


def test_command_is_recorded_with_its_user(command_line: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    made = json.loads(command_line("stores", "create", "--name", "S", "--platform", "shopify", "--json")[1])
    (event,) = json.loads(command_line("audit", "--store", made["storeId"], "--json")[1])
    assert (event["action"], event["result"], event["address"]) == ("store.create", "ok", "cli")
    assert event["actorKind"] == "command" and event["actor"] not in (None, "somebody-else")
    assert {**event["details"], "tokenId": ""} == {"platform": "shopify", "role": "store", "tokenId": ""}
    assert command_line("stores", "delete", made["storeId"], "--yes")[0] == 0
    deleted, _ = json.loads(command_line("audit", "--store", made["storeId"], "--json")[1])
    assert deleted["action"] == "store.delete", "the deletion outlives the store"


def test_failed_command_is_recorded_with_its_exit_code(command_line: Command, store_id: UUID) -> None:
    nothing = str(new_id())
    assert command_line("woo", "approve", nothing, "--store", str(store_id))[0] == 3
    (event,) = json.loads(command_line("audit", "--store", str(store_id), "--json")[1])
    assert (event["action"], event["result"], event["code"]) == ("hold.approve", "failed", "EXIT_3")
    assert event["details"] == {"batchId": nothing}


def test_migration_is_recorded_where_only_the_owner_is_known(
    command_line: Command, database: Database, root_conn: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database.owner_url)
    assert command_line("migrate") == (0, "nothing to apply\n")
    query = "SELECT result, actor_kind, address FROM audit_events WHERE action = 'schema.migrate'"
    assert root_conn.execute(query).fetchall() == [("ok", "command", "cli")]


def test_command_says_when_its_event_is_lost(command_line: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_database_url", lambda _settings: "postgresql://sluice_app@127.0.0.1:1/none")
    code, said = command_line("stores", "create", "--name", "S", "--platform", "shopify")
    assert code == 0 and 'audit_event_lost: the audit trail can\'t be written, {"action": "store.create"' in said


def test_scheduled_pull_is_recorded_as_the_schedules(conn: Connection, runtime: Runtime) -> None:
    made = create_store(conn, "Pulled", "shopify", "http://127.0.0.1:1")
    set_credentials(conn, SECRET_KEY, made.store_id, {"access_token": "t"})
    due = Schedule("orders", "incremental", None, None, 3600, datetime.now(UTC) - timedelta(seconds=1))
    with tenant(conn, made.store_id):
        put_schedule(conn, made.store_id, due)
    (ticket,) = list(run_due(runtime.pool, PULL_SCHEDULES))
    with tenant(conn, made.store_id):
        found = conn.execute("SELECT action, actor_kind, actor, details ->> 'jobId' FROM audit_events").fetchall()
    assert found == [("pull.start", "schedule", "orders", str(ticket.log_id))]


def test_dispatcher_prunes_by_the_setting(
    conn: Connection, root_conn: Connection, runtime: Runtime, store_id: UUID
) -> None:
    write(conn, store_id, "token.create", "token.revoke")
    age = "UPDATE audit_events SET happened_at = now() - interval '61 days' WHERE store_id = %s AND action = 'token.create'"
    root_conn.execute(age, (store_id,))
    Dispatcher(replace(runtime.settings, audit_retention_days=60), runtime.pool, runtime.wake_up).tick()
    left = root_conn.execute("SELECT action FROM audit_events WHERE store_id = %s", (store_id,)).fetchall()
    assert left == [("token.revoke",)]

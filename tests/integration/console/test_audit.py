"""The audit trail's page: one store's for its admins, all stores' for operators."""

from __future__ import annotations

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event
from tests.support.console import Visitor, World, listed, place, visitor, words_of


def test_admin_sees_what_was_changed_in_the_store(world: World, admin: Visitor) -> None:
    own = place(world.full.store_id, "/audit")
    admin.post(place(world.full.store_id, "/store/tokens"), place(world.full.store_id, "/store"), role="store")
    page = admin.read(own)
    assert "token.create ok a session of the console" in page and "role store" in page
    assert "console.sign_in" in page and "127.0.0.1" in page
    assert "token.create ok" not in admin.read(f"{own}?action=store.create")
    assert "No event matches these filters" in admin.read(f"{own}?from=2999-01-01")
    assert "token.create ok" in admin.read(f"{own}?action=token.create&actor=&from=2020-01-01&to="), (
        "empty fields are none"
    )


@pytest.mark.parametrize("query", ["from=soon", "cursor=1", "actor=a b"])
def test_a_wrong_filter_is_refused(world: World, admin: Visitor, query: str) -> None:
    assert admin.get(place(world.full.store_id, f"/audit?{query}")).status_code == 400


def test_only_admins_and_operators_see_the_page(world: World, admin: Visitor) -> None:
    plugin = visitor(world.app, world.empty.token)
    assert plugin.get(place(world.empty.store_id, "/audit")).status_code == 403
    assert "/audit" not in plugin.get(place(world.empty.store_id)).text
    assert f"/{world.full.store_id}/audit" in admin.get(place(world.full.store_id)).text
    assert admin.get(place(world.empty.store_id, "/audit")).status_code == 404
    assert admin.get("/audit").status_code == 404
    assert visitor(world.app).get("/audit").status_code == 302


def test_operator_sees_all_stores_or_one(world: World, conn: Connection) -> None:
    boss = visitor(world.app, world.operator)
    for store_id in (world.full.store_id, world.empty.store_id):
        with tenant(conn, store_id):
            insert_event(conn, AuditEvent("brakes.set", "ok", "command", "<ada>", store_id, "cli"))
    everything = words_of(boss.get("/audit?action=brakes.set"))
    assert str(world.full.store_id) in everything and str(world.empty.store_id) in everything
    assert "<ada>" in everything, "escaped"
    assert "console.sign_in ok" in boss.read("/audit"), "an operator's own, of no store"
    one = boss.read(place(world.empty.store_id, "/audit"))
    assert "brakes.set" in one and str(world.full.store_id) not in one


def test_the_audit_trail_is_paged(world: World, admin: Visitor, conn: Connection) -> None:
    with tenant(conn, world.full.store_id):
        for number in range(120):
            insert_event(conn, AuditEvent("erp.write", "ok", "token", f"n{number}", world.full.store_id))
    found = listed(admin, place(world.full.store_id, "/audit?action=erp.write"), r">(n\d+)<")
    assert found == [f"n{number}" for number in reversed(range(120))]

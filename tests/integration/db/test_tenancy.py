"""Isolation of stores: in PostgreSQL, in every route, and for the next user of a pooled connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.audit.writing import append
from app.commands.terminal.audit import command_event
from app.usecases.stores import CreatedStore, delete_store, list_stores
from db.core.installation import APP
from db.core.tenancy import tenant
from db.insight.alerts import insert_alert
from db.insight.storage import measure_storage
from db.outbound.drift import request_check
from db.outbound.mappings import ProductLook, save_looks
from db.outbound.order_events import note_received_orders
from db.outbound.push_leases import plan_task
from db.outbound.push_leases import take_lease as take_push_lease
from db.pulls.refresh_leases import take_lease
from db.pulls.schedules import Schedule, put_schedule
from tests.support.factories import MAKERS, make_customer, make_order
from tests.support.outbound import make_erp_product, make_look, put_categories, put_products
from tests.support.pipeline import accept_batch, bearer, sync
from tests.support.pulls import MemoryShop, run
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.outbound.runs import start_full

PUBLIC = (
    "/",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/.well-known/security.txt",
    "/docs",
    "/console/login",
    "/console/sign-in",
    "/console/static/<path:filename>",
)
SESSIONS = ("session", "operator session")


def tenant_tables(root_conn: Connection) -> list[str]:
    query = """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"""
    return ["stores", *sorted(row[0] for row in root_conn.execute(query))]


@pytest.fixture
def filled(runtime: Runtime, store: CreatedStore) -> CreatedStore:
    """A store with rows in every table."""
    for entity, make in MAKERS.items():
        sync(runtime, store.store_id, entity, [make(), {}])
    accept_batch(runtime, store.store_id, "orders", [make_order()])
    pull_once(runtime, store.store_id)
    fill_outbound(runtime, store.store_id)
    with runtime.pool.connection() as conn, tenant(conn, store.store_id):
        conn.execute(
            """INSERT INTO order_findings (store_id, order_id, position, kind, stated, computed, difference)
               SELECT store_id, id, 0, 'order_imbalance', 1, 0, 1 FROM orders WHERE store_id = %s LIMIT 1""",
            (store.store_id,),
        )
        insert_alert(conn, store.store_id, new_id(), ("log_failed", "orders", "plugin"), None, 1.0, 0.0)
    with runtime.pool.connection() as conn:
        append(conn, command_event("store.create", store.store_id))
        measure_storage(conn, 1000, timedelta(0))
    return store


def fill_outbound(runtime: Runtime, store_id: UUID) -> None:
    """Rows in the tables of outbound."""
    product = make_erp_product()
    put_products(runtime, store_id, [product])
    sync(runtime, store_id, "orders", [make_order(wc_order_id=1002, status="processing")])
    put_categories(runtime, store_id, [{"category_id": str(new_id()), "name": "Lamps"}])
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        save_looks(conn, store_id, [ProductLook(new_id(), UUID(product["product_id"]), make_look(7))])
        start_full(conn, store_id, "test", force=False)
        request_check(conn, store_id, whole=False)
        take_push_lease(conn, store_id, new_id(), 60.0)
        plan_task(conn, store_id, "full", datetime.now(UTC))
        note_received_orders(conn, store_id, [1002])


def pull_once(runtime: Runtime, store_id: UUID) -> None:
    """Rows in the tables of pulls: an outdated order, a schedule, a lease."""
    shop = MemoryShop()
    shop.change(1)
    run(runtime, store_id, shop)
    shop.arrive_late(1, timedelta(minutes=1))
    run(runtime, store_id, shop)
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        put_schedule(
            conn, store_id, Schedule("orders", "incremental", None, None, 3600, datetime.now(UTC) + timedelta(days=1))
        )
        take_lease(conn, store_id, new_id(), 60.0)


def test_every_tenant_table_forces_row_level_security(root_conn: Connection) -> None:
    query = """SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
                WHERE relname = ANY (%s) AND relnamespace = 'public'::regnamespace"""
    tables = tenant_tables(root_conn)
    assert len(tables) >= 11
    found = root_conn.execute(query, (tables,)).fetchall()
    assert sorted(found) == sorted((table, True, True) for table in tables)


def test_tenant_unique_keys_begin_with_the_store(root_conn: Connection) -> None:
    query = """SELECT c.relname || '.' || i.indexrelid::regclass
                 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE i.indisunique AND a.attname <> 'store_id' AND c.relname = ANY (%s)"""
    found = {row[0] for row in root_conn.execute(query, (tenant_tables(root_conn),))}
    # Two tables are looked up before the store is known; events of the audit trail may have no store.
    assert found == {
        *("stores.stores_pkey", "api_tokens.api_tokens_pkey", "api_tokens.api_tokens_token_sha256_key"),
        "audit_events.audit_events_pkey",
    }


def test_application_role_cannot_bypass_isolation(root_conn: Connection) -> None:
    query = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = %s"
    assert root_conn.execute(query, (APP,)).fetchone() == (False, False, False, False)
    # Only the temporary tables of its own sessions, into which batches are staged.
    owned = """SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                WHERE r.rolname = %s AND c.relpersistence <> 't' AND c.relnamespace <> ALL (
                    SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_toast_temp%%')"""
    assert root_conn.execute(owned, (APP,)).fetchone() == (0,)
    member = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = %s"
    assert root_conn.execute(member, (APP,)).fetchone() == (0,)


def test_no_row_is_visible_without_a_store(conn: Connection, root_conn: Connection, filled: CreatedStore) -> None:
    for table in tenant_tables(root_conn):
        count = f"SELECT count(*) FROM {table}".encode()
        assert conn.execute(count).fetchone() == (0,), table
        assert root_conn.execute(count).fetchone() != (0,), table


def test_store_sees_only_its_own_rows(
    conn: Connection, root_conn: Connection, filled: CreatedStore, other_store: CreatedStore
) -> None:
    for table in tenant_tables(root_conn):
        with tenant(conn, other_store.store_id):
            key = "id" if table == "stores" else "store_id"
            count = f"SELECT count(*) FROM {table} WHERE {key} <> %s".encode()
            assert conn.execute(count, (other_store.store_id,)).fetchone() == (0,), table


def test_insert_for_another_store_is_refused(conn: Connection, store_id: UUID, other_store: CreatedStore) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant(conn, other_store.store_id):
        conn.execute(
            """INSERT INTO categories (store_id, id, external_id, name, source_updated_at, accepted_seq, content_hash)
               VALUES (%s, %s, 1, 'x', now(), 1, '')""",
            (store_id, new_id()),
        )


def test_rows_of_another_store_are_not_changed(
    conn: Connection, root_conn: Connection, filled: CreatedStore, other_store: CreatedStore
) -> None:
    with tenant(conn, other_store.store_id):
        assert conn.execute("UPDATE orders SET status = 'x'").rowcount == 0
        assert conn.execute("DELETE FROM order_items").rowcount == 0


def test_reference_to_another_stores_row_is_refused(
    runtime: Runtime, root_conn: Connection, store_id: UUID, other_store: CreatedStore
) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    sync(runtime, other_store.store_id, "customers", [make_customer()])
    theirs = root_conn.execute("SELECT id FROM customers WHERE store_id = %s", (other_store.store_id,)).fetchone()
    assert theirs is not None
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        root_conn.execute("UPDATE orders SET customer_id = %s WHERE store_id = %s", (theirs[0], store_id))


def test_two_stores_may_use_the_same_external_ids(
    runtime: Runtime, root_conn: Connection, store_id: UUID, other_store: CreatedStore
) -> None:
    for owner in (store_id, other_store.store_id):
        for entity in ("customers", "orders"):
            assert sync(runtime, owner, entity, [MAKERS[entity]()]).inserted == 1
    query = """SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id AND c.store_id = o.store_id
                WHERE o.store_id = ANY (%s)"""
    assert root_conn.execute(query, ([store_id, other_store.store_id],)).fetchone() == (2,)


def test_pooled_connection_forgets_its_store(runtime: Runtime, filled: CreatedStore) -> None:
    with runtime.pool.connection() as conn:
        with tenant(conn, filled.store_id):
            assert conn.execute("SELECT count(*) FROM orders").fetchone() == (3,)
        assert conn.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        with pytest.raises(ZeroDivisionError), tenant(conn, filled.store_id):
            _ = 1 / 0
        assert conn.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_lists_and_counts_cover_one_store(client: FlaskClient, filled: CreatedStore, other_store: CreatedStore) -> None:
    jobs = client.get("/api/sync/jobs", headers=bearer(other_store.token)).json or {}
    status = client.get("/api/sync/status", headers=bearer(other_store.token)).json or {}
    assert jobs["data"]["jobs"] == []
    assert {entity["count"] for entity in status["data"].values()} == {0}


def guard_of(view: object) -> object:
    """What a view of the API declares, or a page of the console asks for; None if anyone may call it."""
    operations = getattr(view, "operations", ())
    return operations[0].access if operations else getattr(view, "requires", None)


def test_routes_need_a_token_except_public_ones(client: FlaskClient) -> None:
    views = client.application.view_functions
    guards = {rule.rule: guard_of(views[rule.endpoint]) for rule in client.application.url_map.iter_rules()}
    assert len(guards) >= 8
    guarded = {rule for rule, guard in guards.items() if guard in ("metrics", *SESSIONS) or isinstance(guard, tuple)}
    assert guards.keys() - guarded == set(PUBLIC)


def test_deleting_a_store_removes_its_rows_only(
    conn: Connection, root_conn: Connection, runtime: Runtime, filled: CreatedStore, other_store: CreatedStore
) -> None:
    sync(runtime, other_store.store_id, "orders", [make_order()])
    assert delete_store(conn, filled.store_id)
    for table in set(tenant_tables(root_conn)) - {"audit_events"}:  # what was done to a store outlives it
        key = "id" if table == "stores" else "store_id"
        found = root_conn.execute(f"SELECT count(*) FROM {table} WHERE {key} = %s".encode(), (filled.store_id,))
        assert found.fetchone() == (0,), table
    ids = [kept.id for kept in list_stores(conn)]
    assert other_store.store_id in ids and filled.store_id not in ids
    assert not delete_store(conn, filled.store_id)

"""Specification 2, requirement by requirement: products, customers and categories."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.settings.environment import Settings
from app.usecases.stores import CreatedStore
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.factories import ID_FIELDS, MAKERS, make_category, make_customer, make_product
from tests.support.pipeline import bearer, kept_batch, post, sync
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

ENTITIES = ("products", "customers", "categories")
REQUIRED = [("products", "wc_product_id"), ("products", "name"), ("customers", "wc_customer_id"),
            ("categories", "wc_category_id"), ("categories", "name")]  # fmt: skip
CHANGED: dict[str, dict[str, Any]] = {
    "products": {"name": "Red"}, "customers": {"display_name": "Red"}, "categories": {"name": "Red"}
}  # fmt: skip
ADDRESS = " John@Example.com"
SHA256 = hashlib.sha256(b"john@example.com").hexdigest()


def one(root_conn: Connection, query: str, *parameters: Any) -> Any:
    return root_conn.execute(query.encode(), parameters).fetchone()


@pytest.mark.parametrize("entity", ENTITIES)
def test_posted_batch_becomes_rows(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, entity: str
) -> None:
    records = [MAKERS[entity](**{ID_FIELDS[entity]: key}) for key in (1, 2, 3)]
    answer = post(client, store.token, entity, records)
    assert answer.status_code == 202
    assert process(runtime, store.store_id, UUID((answer.json or {})["data"]["jobId"])) is Outcome.COMPLETED
    assert one(root_conn, f"SELECT count(*) FROM {entity} WHERE store_id = %s", store.store_id) == (3,)


@pytest.mark.parametrize("entity", ENTITIES)
def test_record_sent_again_updates_its_row(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str
) -> None:
    sync(runtime, store_id, entity, [MAKERS[entity]()])
    log = sync(runtime, store_id, entity, [MAKERS[entity](**CHANGED[entity])])
    assert (log.inserted, log.updated) == (0, 1)
    field = next(iter(CHANGED[entity]))
    assert one(root_conn, f"SELECT {field} FROM {entity} WHERE store_id = %s", store_id) == ("Red",)


@pytest.mark.parametrize("entity", ENTITIES)
def test_missing_optional_fields_become_null(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str
) -> None:
    sync(runtime, store_id, entity, [MAKERS[entity](parent_id=7)])
    required = {field for of, field in REQUIRED if of == entity}
    sync(runtime, store_id, entity, [{field: MAKERS[entity]()[field] for field in required}])
    row = root_conn.execute(f"SELECT * FROM {entity} WHERE store_id = %s".encode(), (store_id,)).fetchone()
    assert row is not None and sum(value is not None for value in row) == 6 + len(required)


@pytest.mark.parametrize(("entity", "field"), REQUIRED)
def test_record_without_a_required_field_is_skipped(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str, field: str
) -> None:
    bad = {name: value for name, value in MAKERS[entity]().items() if name != field}
    log = sync(runtime, store_id, entity, [bad, MAKERS[entity]()])
    assert (log.status, log.records_synced, log.records_skipped) == ("completed", 1, 1)
    found = one(root_conn, "SELECT record_index, field, code FROM sync_record_errors WHERE log_id = %s", log.id)
    assert found == (0, field, "required")


@pytest.mark.parametrize("entity", ENTITIES)
def test_empty_array_is_answered_at_once(client: FlaskClient, store: CreatedStore, entity: str) -> None:
    answer = post(client, store.token, entity, [])
    assert (answer.status_code, (answer.json or {})["data"]["syncedCount"]) == (200, 0)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("body", [{}, {"x": []}, "array"])
def test_records_must_be_an_array(client: FlaskClient, store: CreatedStore, entity: str, body: Any) -> None:
    answer = client.post(f"/api/sync/{entity}", json=body, headers=bearer(store.token))
    assert answer.status_code == 400
    assert (answer.json or {})["error"] == {"code": "VALIDATION_ERROR", "message": f"{entity} must be an array"}


def test_email_is_stored_as_sha256(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "customers", [make_customer(email=ADDRESS)])
    assert one(root_conn, "SELECT email_hash FROM customers WHERE store_id = %s", store_id) == (SHA256,)


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_customer_may_have_no_email(runtime: Runtime, store_id: UUID, root_conn: Connection, nothing: Any) -> None:
    sync(runtime, store_id, "customers", [make_customer(email=nothing)])
    assert one(root_conn, "SELECT email_hash FROM customers WHERE store_id = %s", store_id) == (None,)


def test_email_is_stored_as_hmac_with_a_key(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, root_conn: Connection
) -> None:
    keyed = replace(settings, email_hash_key="k" * 32)
    with application(keyed, database.url, servers.redis.url) as app, app.test_client() as client:
        assert post(client, store.token, "customers", [make_customer(email=ADDRESS)]).status_code == 202
    body = kept_batch(root_conn, store.store_id)
    assert SHA256.encode() not in body and b"@" not in body


def test_no_email_address_reaches_the_database(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    address = "zebra.address@example.com"
    hidden = {"email": address, "display_name": address, "billing": {"email": address}, address: address}
    post(client, store.token, "customers", [make_customer(**hidden), {"wc_customer_id": address, "email": address}])
    before = kept_batch(root_conn, store.store_id)
    log_id = one(root_conn, "SELECT id FROM sync_logs WHERE store_id = %s", store.store_id)[0]
    process(runtime, store.store_id, log_id)
    after = [
        root_conn.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
        for table in ("customers", "sync_logs", "sync_record_errors", "sync_payloads")
    ]
    assert b"wc_customer_id" in before and b"zebra" not in before and "zebra" not in repr(after)
    assert one(root_conn, "SELECT display_name FROM customers WHERE store_id = %s", store.store_id) == ("z",)


def test_product_is_linked_to_its_category(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "categories", [make_category()])
    sync(runtime, store_id, "products", [make_product()])
    query = """SELECT c.name, p.price FROM products p JOIN categories c ON c.id = p.category_id AND c.store_id = p.store_id
                WHERE p.store_id = %s"""
    assert one(root_conn, query, store_id) == ("Widgets", Decimal("24.99"))


@pytest.mark.parametrize("parent_first", [True, False])
def test_category_is_linked_to_a_parent_in_its_batch(
    runtime: Runtime, store_id: UUID, root_conn: Connection, parent_first: bool
) -> None:
    child, parent = make_category(wc_category_id=1, parent_id=2), make_category(wc_category_id=2, name="Parent")
    sync(runtime, store_id, "categories", [parent, child] if parent_first else [child, parent])
    query = "SELECT p.name FROM categories c JOIN categories p ON p.id = c.parent_id WHERE c.store_id = %s"
    assert one(root_conn, query, store_id) == ("Parent",)


def test_category_may_be_its_own_parent(runtime: Runtime, store_id: UUID) -> None:
    assert sync(runtime, store_id, "categories", [make_category(wc_category_id=3, parent_id=3)]).inserted == 1


def test_changed_reference_is_linked_again(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    both = [make_category(wc_category_id=key, name=f"category {key}") for key in (1, 2)]
    sync(runtime, store_id, "categories", both)
    for key in (1, 2):
        sync(runtime, store_id, "products", [make_product(category_id=key)])
    query = "SELECT c.name FROM products p JOIN categories c ON c.id = p.category_id WHERE p.store_id = %s"
    assert one(root_conn, query, store_id) == ("category 2",)


@pytest.mark.parametrize("entity", ENTITIES)
def test_each_entity_has_its_log_and_statistics(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, entity: str
) -> None:
    log = sync(runtime, store.store_id, entity, [MAKERS[entity]()])
    assert (log.entity, log.status, log.source) == (entity, "completed", "plugin")
    data = (client.get("/api/sync/status", headers=bearer(store.token)).json or {})["data"]
    assert data[entity]["count"] == 1 and data[entity]["last_synced"]
    assert [name for name in data if data[name]["count"]] == [entity]

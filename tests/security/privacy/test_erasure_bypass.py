"""Attack: write a customer's id in a form that the erasure misses, so that a retry brings the person back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from app.usecases.stores import create_store
from db.sync.record_errors import RecordError
from schemas.base.strict_json import loads
from schemas.plugin.entities import CUSTOMERS, ENTITIES, ORDERS, load_record
from schemas.records.shop import Customer, Order
from tests.support.pipeline import bearer
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process
from workers.privacy.erasure import Person, clean_batch, clean_page
from workers.pulls.page_codec import FetchedPage, decode_page, encode_page

WHO = 4217
FIELDS = {"customers": "wc_customer_id", "orders": "customer_id"}
FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL', error_message = 'it went wrong',
          finished_at = now() WHERE store_id = %s"""
WHEN = datetime(2026, 1, 1, tzinfo=UTC)

ESCAPED = '"' + "".join(rf"\u{ord(digit):04x}" for digit in str(WHO)) + '"'
SPELLINGS = [
    "4217",
    '"4217"',
    '" 4217 "',
    '"004217"',
    '"4217\\n"',
    '"\\u00a04217\\u2003"',
    ESCAPED,
    '"42\\u00317"',
    '"\\u00304217"',
]


def body_of(entity: str, spelling: str) -> bytes:
    """A batch of one record that names the person with this JSON value."""
    record = {
        "customers": '"display_name":"Berta Nacht"',
        "orders": '"wc_order_id":1,"date_created":"2026-01-15T10:30:00Z","status":"completed","total":1',
    }[entity]
    return f'{{"{entity}":[{{"{FIELDS[entity]}":{spelling},{record}}}]}}'.encode()


def names_the_person(entity: str, records: list[Any]) -> bool:
    for payload in records:
        record = load_record(ENTITIES[entity], payload)
        if isinstance(record, Customer) and record.external_id == WHO:
            return True
        if isinstance(record, Order) and record.customer_external_id == WHO:
            return True
    return False


@pytest.mark.parametrize("entity", FIELDS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_an_id_survives_in_a_batch(entity: str, spelling: str) -> None:
    array = body_of(entity, spelling).partition(b":")[2].removesuffix(b"}")
    assert names_the_person(entity, loads(array))
    cleaned = clean_batch(entity, array, Person(WHO))
    assert cleaned is not None
    assert not names_the_person(entity, loads(cleaned))


@given(st.lists(st.sampled_from(["plain", "escaped"]), min_size=4, max_size=4), st.text("0", max_size=5))
def test_no_mix_of_escapes_and_zeros_survives(forms: list[str], zeros: str) -> None:
    digits = zip(str(WHO), forms, strict=True)
    text = zeros + "".join(one if form == "plain" else rf"\u{ord(one):04X}" for one, form in digits)
    array = f'[{{"wc_customer_id":"{text}"}}]'.encode()
    assert names_the_person("customers", loads(array))
    cleaned = clean_batch("customers", array, Person(WHO))
    assert cleaned is not None and not names_the_person("customers", loads(cleaned))


def test_a_batch_about_others_is_left_as_it_came() -> None:
    assert clean_batch("customers", rb'[{"wc_customer_id":43,"display_name":"\u0034\u0032"}]', Person(WHO)) is None
    assert clean_batch("orders", rb'[{"customer_id":"\u0034\u0033"}]', Person(WHO)) is None


def test_a_retry_brings_no_escaped_person_back(
    client: FlaskClient, runtime: Runtime, conn: Connection, root_conn: Connection
) -> None:
    shop = create_store(conn, "A shop", "woocommerce", role="admin")
    headers = bearer(shop.token) | {"Content-Type": "application/json"}
    logs = []
    for entity in FIELDS:
        answer = client.post(f"/api/sync/{entity}", data=body_of(entity, ESCAPED), headers=headers)
        logs.append(UUID((answer.json or {})["data"]["syncLogId"]))
    root_conn.execute(FAIL, (shop.store_id,))
    assert client.delete(f"/api/sync/customers/{WHO}", headers=bearer(shop.token)).status_code == 204
    for log_id in logs:
        assert client.post(f"/api/sync/jobs/{log_id}/retry", headers=bearer(shop.token)).status_code == 202
        assert process(runtime, shop.store_id, log_id) is Outcome.COMPLETED
    who = "SELECT count(*) FROM customers WHERE store_id = %s AND external_id = %s"
    assert root_conn.execute(who, (shop.store_id, WHO)).fetchone() == (0,)
    whose = "SELECT customer_external_id FROM orders WHERE store_id = %s"
    assert root_conn.execute(whose, (shop.store_id,)).fetchall() == [(None,)]


@pytest.mark.parametrize("told", [str(WHO), f"00{WHO}"])
def test_a_refused_record_of_a_page_forgets_the_id(told: str) -> None:
    error = RecordError(0, told, "email", "not_text", "must be text")
    page: FetchedPage[Customer] = FetchedPage(1, WHEN, 1, [], [error])
    kept = decode_page("customers", encode_page(page))
    assert clean_page("customers", kept, Person(WHO)).errors == [replace(error, external_id=None)]


def test_a_refused_records_padded_id_is_erased(client: FlaskClient, runtime: Runtime, conn: Connection) -> None:
    shop = create_store(conn, "A shop", "woocommerce", role="admin")
    record = {"wc_customer_id": f" 00{WHO}", "display_name": 5}
    answer = client.post("/api/sync/customers", json={"customers": [record]}, headers=bearer(shop.token))
    log_id = UUID((answer.json or {})["data"]["syncLogId"])
    assert process(runtime, shop.store_id, log_id) is Outcome.COMPLETED
    errors = f"/api/sync/jobs/{log_id}/errors"
    assert len((client.get(errors, headers=bearer(shop.token)).json or {})["data"]["errors"]) == 1
    assert client.delete(f"/api/sync/customers/{WHO}", headers=bearer(shop.token)).status_code == 204
    assert (client.get(errors, headers=bearer(shop.token)).json or {})["data"]["errors"] == []


def test_no_other_number_is_read_as_an_id() -> None:
    """Forms that the erasure need not look for, since no record with them is stored."""
    for spelling in (
        "4217.0",
        "4.217e3",
        "42170e-1",
        '"+4217"',
        '"4_217"',
        '"4217.0"',
        '"٤٢١٧"',
        '"４２１７"',
        "[4217]",
    ):
        for entity in (CUSTOMERS, ORDERS):
            assert isinstance(load_record(entity, loads(body_of(entity.name, spelling))[entity.name][0]), list)


def test_the_bodies_are_json() -> None:
    assert all(json.loads(body_of(entity, spelling)) for entity in FIELDS for spelling in SPELLINGS)

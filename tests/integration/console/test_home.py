"""The operators' home: alerts to acknowledge, stores in trouble first, and a search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from app.console.views.formatting import ALERTS
from app.settings.environment import load_settings
from app.usecases.stores import Origin, create_operator, create_store
from tests.conftest import Database, Servers
from tests.support.console import Visitor, console_app, visitor
from workers.alerts.conditions import KINDS
from workers.core.ids import new_id

OPEN_ALERT = """INSERT INTO alerts (store_id, id, kind, entity, source, log_id, measured, threshold)
    VALUES (%s, %s, 'log_failed', 'orders', 'plugin', %s, 1, 0)"""
FAILED = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, next_attempt_at, error_code,
    finished_at) VALUES (%s, %s, 'orders', 'plugin', 'upsert', 'failed', 1, now(), 'INTERNAL', now())"""
ACKNOWLEDGED = "SELECT store_id FROM audit_events WHERE action = 'alert.acknowledge' AND result = 'ok'"
OPEN_AGAIN = "UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, recovered_at = NULL"
LONG = "A very long name of a shop without any end" * 2


@pytest.fixture(scope="module")
def app(servers: Servers, database: Database) -> Iterator[Flask]:
    settings = replace(load_settings({}), data_dir=servers.root, rate_limit_per_minute=1_000_000)
    with console_app(settings, database.url, servers.redis.url) as made:
        yield made


@pytest.fixture(scope="module")
def stores(database: Database) -> dict[str, UUID]:
    """Made in this order; the last two are in trouble."""
    with psycopg.connect(database.url, autocommit=True) as conn:
        names = ("Aged", LONG, "50% off_", "Failing", "Alarmed")
        made = {name: create_store(conn, name, "woocommerce").store_id for name in names}
    with psycopg.connect(database.superuser_url, autocommit=True) as root:
        log_id = new_id()
        root.execute(FAILED, (made["Failing"], log_id))
        root.execute(OPEN_ALERT, (made["Alarmed"], new_id(), log_id))
    return made


@pytest.fixture
def operator(app: Flask, database: Database, stores: dict[str, UUID]) -> Visitor:
    assert stores
    with psycopg.connect(database.superuser_url, autocommit=True) as root:
        root.execute(OPEN_AGAIN)  # whatever another test did
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        return visitor(app, create_operator(owner, Origin("test")))


def names_on(operator: Visitor, path: str) -> list[str]:
    return re.findall(r'id="store-[^>]+>([^<]+)</a>', operator.get(path).text)


def test_stores_in_trouble_come_first(operator: Visitor) -> None:
    assert names_on(operator, "/stores") == ["Alarmed", "Failing", "Aged", LONG, "50% off_"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [("ALARM", ["Alarmed"]), ("a", ["Alarmed", "Failing", "Aged", LONG]), ("%25", ["50% off_"]), ("_", ["50% off_"])],
)
def test_a_store_is_found_by_a_part_of_its_name(operator: Visitor, asked: str, found: list[str]) -> None:
    assert names_on(operator, f"/stores?q={asked}") == found


def test_a_store_is_found_by_a_part_of_its_id(operator: Visitor, stores: dict[str, UUID]) -> None:
    assert names_on(operator, f"/stores?q={str(stores['Aged'])[-12:]}") == ["Aged"]


def test_a_search_without_a_result_leads_back(operator: Visitor) -> None:
    assert "No store here matches. Show all stores" in operator.read("/stores?q=nothing-like-that")


def test_the_live_part_keeps_search_and_page(operator: Visitor) -> None:
    assert 'hx-get="/console/stores/live?q=al&amp;page=1"' in operator.get("/stores?q=al").text
    assert names_on(operator, "/stores?page=2") == []


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "²"])
def test_a_wrong_page_is_refused(operator: Visitor, page: str) -> None:
    assert operator.get(f"/stores?page={page}").status_code == 400


def test_an_alert_is_acknowledged_once(
    app: Flask, operator: Visitor, stores: dict[str, UUID], database: Database
) -> None:
    assert "A sync failed" in operator.read("/stores")
    action = re.search(r'action="/console(/alerts/[^"]+/acknowledge)"', operator.get("/stores").text)
    assert action is not None
    shop = visitor(app)
    assert shop.client.post(f"/console{action[1]}").status_code == 302  # to the sign-in
    answer = operator.post(action[1], "/stores")
    assert answer.location == "/console/stores?done=acknowledged"
    page = operator.read("/stores")
    assert "Open alerts" in page and "Acknowledge" not in page  # it stays until it recovers
    assert names_on(operator, "/stores")[0] == "Failing"
    with psycopg.connect(database.superuser_url) as root:
        event = root.execute(
            "SELECT store_id, result FROM audit_events WHERE action = 'alert.acknowledge' AND result = 'ok'"
        ).fetchone()
        assert event == (stores["Alarmed"], "ok")
        root.execute("UPDATE alerts SET recovered_at = now()")
    assert operator.post(action[1], "/stores").status_code == 409
    assert "Open alerts" not in operator.read("/stores")


def test_every_kind_of_alert_has_words_for_people() -> None:
    assert ALERTS.keys() == set(KINDS)

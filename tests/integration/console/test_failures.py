"""The operators' page of failures: groups by code, a selection that is tried again, and a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from psycopg import Connection

from app.settings.environment import load_settings
from app.usecases.stores import Origin, create_operator, create_store
from tests.conftest import Database, Servers
from tests.support.console import Visitor, console_app, visitor
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch
from workers.core.ids import new_id
from workers.core.runtime import Runtime

FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, finished_at = now(), error_code = %s,
    error_message = 'it was interrupted' WHERE id = %s"""
GONE = "DELETE FROM sync_payloads WHERE log_id = %s"
STATUSES = "SELECT id, status FROM sync_logs"
RETRIES = "SELECT store_id, details FROM audit_events WHERE action = 'job.retry' AND actor_kind = 'session'"


@dataclass(frozen=True)
class Failed:
    """Three failed batches of two stores; the payload of `lost` is gone."""

    first: tuple[UUID, UUID]
    second: tuple[UUID, UUID]
    lost: tuple[UUID, UUID]


@pytest.fixture(scope="module")
def app(servers: Servers, database: Database) -> Iterator[Flask]:
    settings = replace(load_settings({}), data_dir=servers.root, rate_limit_per_minute=1_000_000)
    with console_app(settings, database.url, servers.redis.url) as made:
        yield made


@pytest.fixture
def failed(runtime: Runtime, conn: Connection, root_conn: Connection) -> Failed:
    root_conn.execute("DELETE FROM sync_logs")
    stores = [create_store(conn, name, "woocommerce").store_id for name in ("=Lamps", "Pots")]
    places = [(store, accept_batch(runtime, store, "orders", [make_order()])) for store in (*stores, stores[0])]
    for (_, log_id), code in zip(places, ("GAVE_UP", "GAVE_UP", "INTERNAL"), strict=True):
        root_conn.execute(FAIL, (code, log_id))
    root_conn.execute(GONE, (places[2][1],))
    return Failed(*places)


@pytest.fixture
def operator(app: Flask, database: Database) -> Visitor:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        return visitor(app, create_operator(owner, Origin("test")))


def post(operator: Visitor, path: str, *places: tuple[UUID, UUID]) -> str:
    """The page, or where it leads."""
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', operator.get("/failures").text)
    assert csrf is not None
    keys = [f"{store_id}:{log_id}" for store_id, log_id in places]
    answer = operator.client.post(f"/console{path}", data={"csrf": csrf[1], "sync": keys})
    return answer.location or f"{answer.status_code} {answer.text}"


def test_failures_are_grouped_by_code(operator: Visitor, failed: Failed) -> None:
    page = operator.read("/failures")
    assert re.search(r"GAVE_UP 2 2 .*INTERNAL 1 1 ", page)
    shown = operator.read("/failures?code=GAVE_UP")
    assert "=Lamps" in shown and "Pots" in shown and "it was interrupted" in shown
    assert str(failed.lost[1]) not in operator.get("/failures?code=GAVE_UP").text


def test_a_selection_is_reviewed_then_tried_again(operator: Visitor, failed: Failed, root_conn: Connection) -> None:
    review = post(operator, "/failures/confirm", failed.first, failed.second)
    assert "Try 2 syncs again?" in review and "2 records of 2 stores" in review
    assert {status for _, status in root_conn.execute(STATUSES)} == {"failed"}  # a review changes nothing
    assert post(operator, "/failures/retry", failed.first, failed.second).endswith("done=retried_syncs&count=2")
    found: dict[UUID, str] = dict(root_conn.execute(STATUSES).fetchall())
    assert [found[log_id] for _, log_id in (failed.first, failed.second, failed.lost)] == [
        "running",
        "running",
        "failed",
    ]
    events = {(store_id, details["log_id"]) for store_id, details in root_conn.execute(RETRIES)}
    assert {(store_id, str(log_id)) for store_id, log_id in (failed.first, failed.second)} <= events


def test_one_that_cannot_run_again_stops_no_other(operator: Visitor, failed: Failed) -> None:
    assert post(operator, "/failures/retry", failed.lost, failed.first).endswith("done=retried_some&count=1")
    assert post(operator, "/failures/retry", failed.lost).startswith("409 ")
    assert "None of the selected syncs is failed any more" in post(operator, "/failures/confirm", failed.first)


def test_a_store_cannot_be_mixed_with_anothers_sync(operator: Visitor, failed: Failed) -> None:
    assert post(operator, "/failures/retry", (failed.second[0], failed.first[1])).startswith("409 ")


@pytest.mark.parametrize("keys", [[], ["x"], [f"{new_id()}"], [f"{new_id()}:{new_id()}" for _ in range(101)]])
def test_a_wrong_selection_is_refused(operator: Visitor, failed: Failed, keys: list[str]) -> None:
    assert failed
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', operator.get("/failures").text)
    assert csrf is not None
    for path in ("confirm", "retry"):
        answer = operator.client.post(f"/console/failures/{path}", data={"csrf": csrf[1], "sync": keys})
        assert answer.status_code == 400


def test_the_file_runs_no_formula(operator: Visitor, failed: Failed) -> None:
    answer = operator.get("/failures.csv?code=GAVE_UP")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["store"] for row in rows} == {"'=Lamps", "Pots"}
    assert {row["jobId"] for row in rows} == {str(failed.first[1]), str(failed.second[1])}


@pytest.mark.parametrize("code", ["", "x", "A'; --", "A" * 90])
def test_a_code_that_is_none_is_refused(operator: Visitor, code: str) -> None:
    assert operator.client.get("/console/failures.csv", query_string={"code": code}).status_code == 400
    assert operator.client.get("/console/failures", query_string={"code": code}).status_code == 400


def test_without_failures_the_page_says_so(operator: Visitor, root_conn: Connection) -> None:
    root_conn.execute("DELETE FROM sync_logs")
    assert "No sync of any store has failed" in operator.read("/failures")

"""The demo's client obeys the API, and its checks find each wrong number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.demo.checks import Tables, complaints
from app.demo.client import PluginApi, wait_of
from app.demo.delivery import Delivery, Log, follow
from app.demo.errors import DemoError
from app.demo.sample_store import SampleBatch
from db.insight.reports import MonthTotal, RecordCounts, StatusTotal, UnresolvedLinks


def test_a_deferred_batch_is_posted_again_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            return httpx.Response(429, headers={"Retry-After": "7"})
        if len(seen) == 2:
            raise httpx.ConnectError("refused")
        return httpx.Response(202, json={"success": True, "data": {"syncLogId": "one"}})

    monkeypatch.setattr("app.demo.client.time.sleep", pauses.append)
    with PluginApi("http://api.example.test", "secret", httpx.MockTransport(answer)) as api:
        assert api.post(SampleBatch("orders", [{"name": "\ud83d"}])) == "one"
    assert pauses == [7.0, 1.0]
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert seen[2].headers["Authorization"] == "Bearer secret"
    assert json.loads(seen[2].content) == {"orders": [{"name": "\ud83d"}]}


def test_a_refusal_ends_the_demo_with_the_apis_message() -> None:
    refusal = {"success": False, "error": {"code": "UNAUTHORIZED", "message": "the token is unknown"}}
    transport = httpx.MockTransport(lambda _request: httpx.Response(401, json=refusal))
    with (
        PluginApi("http://api.example.test", "secret", transport) as api,
        pytest.raises(DemoError, match="401: the token is unknown"),
    ):
        api.job("one")


def test_all_pages_of_skipped_records_are_read() -> None:
    pages = {None: {"errors": [{"index": 0}], "nextCursor": "2"}, "2": {"errors": [{"index": 5}], "nextCursor": None}}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": True, "data": pages[request.url.params.get("cursor")]})

    with PluginApi("http://api.example.test", "secret", httpx.MockTransport(answer)) as api:
        assert [error["index"] for error in api.errors("one")] == [0, 5]


@pytest.mark.parametrize(("said", "seconds"), [("3", 3.0), ("9999", 30.0), ("soon", 1.0), ("", 1.0)])
def test_retry_after_is_obeyed_within_reason(said: str, seconds: float) -> None:
    assert wait_of(httpx.Response(503, headers={"Retry-After": said})) == seconds


def test_jobs_are_followed_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.delivery.time.sleep", lambda _seconds: None)
    states = {"a": iter(["running", "running", "completed"]), "b": iter(["failed"])}
    waiting = {"a": SampleBatch("orders", [1]), "b": SampleBatch("orders", [2])}
    seen: list[SampleBatch] = []
    ended = follow(lambda log_id: {"status": next(states[log_id])}, waiting, seen.append)
    assert {log_id: job["status"] for log_id, job in ended.items()} == {"a": "completed", "b": "failed"}
    assert seen == [waiting["a"], waiting["b"]]


def test_a_job_that_never_ends_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.delivery.PATIENCE_SECONDS", -1.0)
    with pytest.raises(DemoError, match="still running"):
        follow(lambda _log_id: {"status": "running"}, {"a": SampleBatch("orders", [1])}, lambda _batch: None)


COUNTS = {"inserted": 1, "updated": 0, "unchanged": 0, "stale": 0, "invalid": 1, "existing": 0}
JOB = {"status": "completed", "receivedCount": 2, "syncedCount": 1, "skippedCount": 1, "counts": COUNTS}
LOG = Log(SampleBatch("orders", [{"wc_order_id": 7}, {}], frozenset({1})), "one", JOB, [{"index": 1}])
TABLES = Tables(
    counts=RecordCounts(orders=1, products=0, customers=0, categories=0),
    unresolved=UnresolvedLinks(0, 0, 0, 0),
    by_status=[StatusTotal("completed", "USD", 1, Decimal("9.50"))],
    by_month=[MonthTotal(date(2026, 10, 1), "USD", 1, Decimal("9.50"))],
)


def complaints_about(log: Log, tables: Tables = TABLES) -> list[str]:
    return complaints(Delivery([log], 1.0, 2.0), tables)


def test_numbers_that_add_up_give_no_complaint() -> None:
    assert complaints_about(LOG) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed"},
        {"receivedCount": 3},
        {"syncedCount": 2},
        {"skippedCount": 0},
        {"counts": COUNTS | {"inserted": 0}},
        {"counts": COUNTS | {"invalid": 0}},
    ],
)
def test_a_wrong_number_of_a_job_is_noticed(change: dict[str, Any]) -> None:
    assert complaints_about(replace(LOG, job=JOB | change))


def test_a_skipped_valid_record_is_noticed() -> None:
    assert complaints_about(replace(LOG, errors=[{"index": 0}]))


@pytest.mark.parametrize(
    "broken",
    [
        lambda: replace(TABLES, counts=RecordCounts(2, 0, 0, 0)),
        lambda: replace(TABLES, counts=RecordCounts(1, 0, 0, 1)),
        lambda: replace(TABLES, unresolved=UnresolvedLinks(0, 0, 3, 0)),
        lambda: replace(TABLES, by_status=[]),
        lambda: replace(TABLES, by_month=[MonthTotal(date(2026, 10, 1), "USD", 1, Decimal("9.49"))]),
    ],
)
def test_a_wrong_number_in_the_tables_is_noticed(broken: Callable[[], Tables]) -> None:
    assert complaints_about(LOG, broken())

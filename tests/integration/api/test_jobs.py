"""The jobs API: lists, one job, its errors, retry and cancel, waiting for the end."""

from __future__ import annotations

import csv
import io
import json
import threading
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis

from app.http.paging import write_cursor
from app.usecases.stores import CreatedStore
from tests.support.factories import MAKERS, make_category, make_order, make_product
from tests.support.pipeline import accept_batch, bearer, post, read_log, sync
from tests.support.waiting import wait_until
from workers.core.ids import new_id
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

FAIL = """
    UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL', error_message = 'It failed.'
     WHERE id = %s"""


def get(client: FlaskClient, store: CreatedStore, path: str, **headers: str) -> Any:
    """The answer's data; the answer itself where it is no success."""
    answer = client.get(f"/api/sync/{path}", headers=bearer(store.token) | headers)
    return answer.json["data"] if answer.status_code == 200 and answer.json else answer


def command(client: FlaskClient, store: CreatedStore, log_id: UUID, name: str) -> tuple[int, Any]:
    answer = client.post(f"/api/sync/jobs/{log_id}/{name}", headers=bearer(store.token))
    return answer.status_code, answer.json


def pages(client: FlaskClient, store: CreatedStore, path: str, key: str) -> list[list[Any]]:
    """All pages, following the cursors."""
    found: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        data = get(client, store, f"{path}{cursor}")
        found.append(data[key])
        cursor = f"&cursor={data['nextCursor']}" if data["nextCursor"] else None
    return found


def test_jobs_are_listed_newest_first_in_pages(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    logs = [str(accept_batch(runtime, store.store_id, "orders", [make_order()])) for _ in range(120)]
    found = pages(client, store, "jobs?limit=50", "jobs")
    assert [len(page) for page in found] == [50, 50, 20]
    assert [job["syncLogId"] for page in found for job in page] == logs[::-1]


def test_page_that_fits_exactly_is_the_last(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    for _ in range(3):
        accept_batch(runtime, store.store_id, "orders", [make_order()])
    assert [len(page) for page in pages(client, store, "jobs?limit=3", "jobs")] == [3]


def test_new_job_between_two_pages_moves_no_other(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    logs = [str(accept_batch(runtime, store.store_id, "orders", [make_order()])) for _ in range(4)]
    first = get(client, store, "jobs?limit=2")
    accept_batch(runtime, store.store_id, "orders", [make_order()])
    second = get(client, store, f"jobs?limit=2&cursor={first['nextCursor']}")
    assert [job["syncLogId"] for job in second["jobs"]] == logs[1::-1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [("entity=products", [1]), ("status=completed", [2, 0]), ("status=running", [1]), ("mode=populate", [2]),
     ("source=plugin", [2, 1, 0]), ("entity=orders&status=completed&mode=upsert", [0]), ("status=failed", [])],
)  # fmt: skip
def test_jobs_are_filtered_by_each_field(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, query: str, wanted: list[int]
) -> None:
    logs = [
        sync(runtime, store.store_id, "orders", [make_order()]).id,
        accept_batch(runtime, store.store_id, "products", [make_product()]),
        sync(runtime, store.store_id, "categories", [make_category()], "populate").id,
    ]
    found = get(client, store, f"jobs?{query}")["jobs"]
    assert [job["syncLogId"] for job in found] == [str(logs[n]) for n in wanted]


@pytest.mark.parametrize(
    "query", ["entity=x", "status=", "mode=x", "source=x", "limit=0", "limit=201", "limit=x", "cursor=x", "cursor="]
)
def test_wrong_filter_is_refused(client: FlaskClient, store: CreatedStore, query: str) -> None:
    answer = get(client, store, f"jobs?{query}")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_running_job_answers_its_state(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()] * 2)
    answer = client.get(f"/api/sync/jobs/{log_id}", headers=bearer(store.token))
    data = (answer.json or {})["data"]
    assert (data["status"], data["phase"], data["receivedCount"], data["processedCount"]) == ("running", "queued", 2, 0)
    assert answer.headers["Retry-After"] == "1"
    assert data["errorsUrl"] == f"/api/sync/jobs/{log_id}/errors"


def test_completed_job_answers_all_counts(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    sync(runtime, store.store_id, "orders", [make_order(wc_order_id=1), make_order(wc_order_id=2)])
    orders = [make_order(wc_order_id=1), make_order(wc_order_id=2, status="x"), make_order(wc_order_id=3), {}]
    log = sync(runtime, store.store_id, "orders", [*orders, make_order(wc_order_id=3)])
    answer = client.get(f"/api/sync/jobs/{log.id}", headers=bearer(store.token))
    data = (answer.json or {})["data"]
    assert data["counts"] == {"inserted": 1, "updated": 1, "unchanged": 1, "stale": 1, "invalid": 1, "existing": 0}
    assert (data["syncedCount"], data["skippedCount"], data["processedCount"], data["receivedCount"]) == (4, 1, 5, 5)
    assert "Retry-After" not in answer.headers
    assert data["finishedAt"].endswith("Z") and data["error"] is None


def test_unchanged_job_answers_304(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])

    def ask(tag: str) -> Any:
        return client.get(f"/api/sync/jobs/{log_id}", headers=bearer(store.token) | {"If-None-Match": tag})

    tag = ask('"none"').headers["ETag"]
    assert tag.startswith("W/")
    again = ask(tag)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    process(runtime, store.store_id, log_id)
    changed = ask(tag)
    assert changed.status_code == 200 and changed.headers["ETag"] != tag


def bad_orders(count: int) -> list[Any]:
    """Each with two problems."""
    return [{"wc_order_id": n, "date_created": "2026-01-15"} for n in range(1, count + 1)]


def test_job_shows_its_first_ten_errors(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", bad_orders(20))
    errors = get(client, store, f"jobs/{log.id}")["errors"]
    assert [(error["index"], error["id"], error["field"]) for error in errors] == [
        (n, str(n + 1), field) for n in range(5) for field in ("status", "total")
    ]


def test_record_errors_are_paged_without_repeat(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", bad_orders(25))
    found = pages(client, store, f"jobs/{log.id}/errors?limit=15", "errors")
    assert [len(page) for page in found] == [15, 15, 15, 5]
    places = [(error["index"], error["field"]) for page in found for error in page]
    assert places == sorted(set(places)) and len(places) == 50


@pytest.mark.parametrize("cursor", ["x", write_cursor("1", "a\x00b"), write_cursor("1", "a", " b")])
def test_forged_cursor_is_refused(client: FlaskClient, runtime: Runtime, store: CreatedStore, cursor: str) -> None:
    log = sync(runtime, store.store_id, "orders", bad_orders(1))
    assert get(client, store, f"jobs/{log.id}/errors?cursor={cursor}").status_code == 400


def test_errors_are_downloaded_as_csv(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", bad_orders(600))
    answer = client.get(f"/api/sync/jobs/{log.id}/errors", headers=bearer(store.token) | {"Accept": "text/csv"})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="errors-{log.id}.csv"'
    assert rows[:2] == [
        ["index", "id", "field", "code", "reason"],
        ["0", "1", "status", "required", "is missing or empty"],
    ]
    assert len(rows) == 1201


def test_errors_are_downloaded_as_json_lines(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", [*bad_orders(2), None])
    accept = {"Accept": "application/x-ndjson"}
    answer = client.get(f"/api/sync/jobs/{log.id}/errors", headers=bearer(store.token) | accept)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == 5
    reason = {"code": "not_an_object", "reason": "must be an object"}
    assert lines[-1] == {"index": 2, "id": None, "field": "*", **reason}


def test_job_without_errors_has_an_empty_page(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", [make_order()])
    assert get(client, store, f"jobs/{log.id}/errors") == {"errors": [], "errorsNotListed": 0, "nextCursor": None}


def test_failed_job_answers_why_and_can_be_retried(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, redis: Redis
) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])
    root_conn.execute(FAIL, (log_id,))
    redis.flushall()
    failed = read_log(runtime, store.store_id, log_id)
    assert get(client, store, f"jobs/{log_id}")["error"] == {"code": "INTERNAL", "message": "It failed."}
    status, body = command(client, store, log_id, "retry")
    assert (status, body["data"]["status"], body["data"]["error"]) == (202, "running", None)
    assert waiting_logs(redis) == [log_id]
    assert process(runtime, store.store_id, log_id) is Outcome.COMPLETED
    assert read_log(runtime, store.store_id, log_id).accepted_seq == failed.accepted_seq


@pytest.mark.parametrize("state", ["running", "completed", "cancelled"])
def test_only_a_failed_job_is_retried(client: FlaskClient, runtime: Runtime, store: CreatedStore, state: str) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])
    if state == "completed":
        process(runtime, store.store_id, log_id)
    if state == "cancelled":
        command(client, store, log_id, "cancel")
    status, body = command(client, store, log_id, "retry")
    assert (status, body["error"]["code"], body["error"]["details"]) == (409, "CONFLICT", {"status": state})


def test_failed_job_whose_payload_is_gone_is_not_retried(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])
    root_conn.execute(FAIL, (log_id,))
    root_conn.execute("DELETE FROM sync_payloads WHERE log_id = %s", (log_id,))
    assert command(client, store, log_id, "retry")[0] == 409


def test_cancelled_job_never_takes_effect(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])
    status, body = command(client, store, log_id, "cancel")
    assert (status, body["data"]["status"]) == (202, "cancelled")
    assert process(runtime, store.store_id, log_id) is Outcome.NOT_NOW
    for table in ("orders", "sync_payloads"):
        count = f"SELECT count(*) FROM {table} WHERE store_id = %s".encode()
        assert root_conn.execute(count, (store.store_id,)).fetchone() == (0,)


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_only_a_running_job_is_cancelled(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, state: str
) -> None:
    log_id = accept_batch(runtime, store.store_id, "orders", [make_order()])
    if state == "completed":
        process(runtime, store.store_id, log_id)
    if state == "failed":
        root_conn.execute(FAIL, (log_id,))
    if state == "cancelled":
        command(client, store, log_id, "cancel")
    status, body = command(client, store, log_id, "cancel")
    assert (status, body["error"]["code"], body["error"]["details"]) == (409, "CONFLICT", {"status": state})


def test_unknown_job_is_not_found(client: FlaskClient, store: CreatedStore) -> None:
    assert [command(client, store, new_id(), name)[0] for name in ("retry", "cancel")] == [404, 404]
    assert get(client, store, f"jobs/{new_id()}").status_code == 404


def test_status_answers_counts_and_freshness(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    assert get(client, store, "status")["orders"] == {"count": 0, "last_synced": None, "metadata": None}
    newest = "2026-01-16T00:00:00Z"
    orders = [make_order(wc_order_id=1), make_order(wc_order_id=2, date_modified=newest), {}]
    sync(runtime, store.store_id, "orders", orders)
    sync(runtime, store.store_id, "orders", [make_order(wc_order_id=3)])
    found = get(client, store, "status")["orders"]
    assert found["count"] == 3
    assert (found["metadata"]["last_record_time"], found["metadata"]["records_synced"]) == (newest, 1)
    assert found["last_synced"] == found["metadata"]["last_sync_time"]


def test_status_counts_what_the_tables_hold(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    for entity, make in MAKERS.items():
        for _ in range(2):
            sync(runtime, store.store_id, entity, [make(), make(), {}])
    data = get(client, store, "status")
    for entity in MAKERS:
        count = f"SELECT count(*) FROM {entity} WHERE store_id = %s".encode()
        assert root_conn.execute(count, (store.store_id,)).fetchone() == (data[entity]["count"],)


def one_worker(runtime: Runtime, store: CreatedStore, redis: Redis) -> threading.Thread:
    """A worker that takes one log as soon as it waits in Redis."""

    def work() -> None:
        process(runtime, store.store_id, wait_until(lambda: waiting_logs(redis))[0])

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_client_that_waits_gets_the_result(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, redis: Redis
) -> None:
    worker = one_worker(runtime, store, redis)
    answer = post(client, store.token, "orders", [make_order(), {}], {"Prefer": "respond-async, wait=10"})
    worker.join()
    data = (answer.json or {})["data"]
    assert (answer.status_code, data["syncedCount"], data["skippedCount"]) == (200, 1, 1)
    assert answer.headers["Preference-Applied"] == "wait=10"


def test_client_that_waited_in_vain_gets_the_receipt(client: FlaskClient, store: CreatedStore) -> None:
    answer = post(client, store.token, "orders", [make_order()], {"Prefer": "wait=1"})
    assert (answer.status_code, (answer.json or {})["data"]["status"]) == (202, "running")


def test_client_that_waits_learns_of_the_failure(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection, redis: Redis
) -> None:
    root_conn.execute("ALTER TABLE entity_stats RENAME TO hidden_stats")
    try:
        worker = one_worker(runtime, store, redis)
        answer = post(client, store.token, "orders", [make_order()], {"Prefer": "wait=10"})
        worker.join()
    finally:
        root_conn.execute("ALTER TABLE hidden_stats RENAME TO entity_stats")
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["code"], error["details"]["status"]) == (500, "SYNC_FAILED", "failed")
    assert "hidden" not in answer.text and "entity_stats" not in answer.text


@pytest.mark.parametrize("prefer", ["wait=0", "wait=x", "wait", "return=minimal"])
def test_client_that_does_not_wait_gets_the_receipt(client: FlaskClient, store: CreatedStore, prefer: str) -> None:
    answer = post(client, store.token, "orders", [make_order()], {"Prefer": prefer})
    assert answer.status_code == 202 and "Preference-Applied" not in answer.headers

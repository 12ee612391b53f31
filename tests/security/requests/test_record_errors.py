"""A small batch whose records have every problem: the stored errors and the work are bounded."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema
from psycopg import Connection

from app.settings.environment import Settings
from app.usecases.stores import CreatedStore, create_store
from db.core.tenancy import tenant
from db.sync.record_errors import MOST_LISTED, RecordError, add_record_errors
from schemas.base.error_codes import PROBLEMS_LISTED
from schemas.plugin.entities import ORDERS, load_record
from schemas.plugin.orders import OrderItemSchema
from tests.conftest import Database, Servers
from tests.support.console import console_app, place, visitor
from tests.support.factories import make_order
from tests.support.pipeline import bearer, read_log, sync
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

RECORDS = 5000
BAD: dict[str, Any] = {"items": [{}] * 10}  # each with more problems than are listed


@pytest.fixture
def job(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> UUID:
    """The batch of 5,000 such orders in fewer than 800 bytes, processed."""
    body = gzip.compress(json.dumps({"orders": [BAD] * RECORDS}).encode(), 9)
    headers = bearer(store.token) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post("/api/sync/orders", data=body, headers=headers)
    log_id = UUID((answer.json or {})["data"]["jobId"])
    assert len(body) < 1000
    assert process(runtime, store.store_id, log_id) is Outcome.COMPLETED
    return log_id


def rows(root_conn: Connection, log_id: UUID) -> int:
    found = root_conn.execute("SELECT count(*) FROM sync_record_errors WHERE log_id = %s", (log_id,)).fetchone()
    assert found is not None
    return int(found[0])


def test_a_batch_writes_5000_error_rows_at_most(
    job: UUID, client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    assert rows(root_conn, job) == MOST_LISTED == 5000
    log = read_log(runtime, store.store_id, job)
    assert (log.received, log.records_synced, log.records_skipped, log.invalid) == (RECORDS, 0, RECORDS, RECORDS)
    told = client.get(f"/api/sync/jobs/{job}", headers=bearer(store.token)).json or {}
    more = told["data"]["errorsNotListed"]
    assert more >= RECORDS - MOST_LISTED // PROBLEMS_LISTED  # each record behind the listed ones counts once at least
    page = client.get(f"/api/sync/jobs/{job}/errors", headers=bearer(store.token)).json or {}
    assert page["data"]["errorsNotListed"] == more


def test_downloads_say_how_many_are_not_listed(job: UUID, client: FlaskClient, store: CreatedStore) -> None:
    told = client.get(f"/api/sync/jobs/{job}", headers=bearer(store.token)).json or {}
    words = f"and {told['data']['errorsNotListed']:,} more that are not listed"
    table = client.get(f"/api/sync/jobs/{job}/errors", headers=bearer(store.token) | {"Accept": "text/csv"}).text
    lines = list(csv.reader(io.StringIO(table)))
    assert len(lines) == 1 + MOST_LISTED + 1
    assert lines[-1] == ["", "", "*", "more_problems", words]
    accept = {"Accept": "application/x-ndjson"}
    last = client.get(f"/api/sync/jobs/{job}/errors", headers=bearer(store.token) | accept).text.splitlines()[-1]
    assert json.loads(last) == {"index": None, "id": None, "field": "*", "code": "more_problems", "reason": words}


def test_console_and_command_line_show_the_count(
    settings: Settings,
    database: Database,
    servers: Servers,
    command_line: Callable[..., tuple[int, str]],
    store: CreatedStore,
    root_conn: Connection,
    job: UUID,
) -> None:
    more = root_conn.execute("SELECT unlisted_errors FROM sync_logs WHERE id = %s", (job,)).fetchone()
    assert more is not None and more[0] > 0
    with console_app(settings, database.url, servers.redis.url) as app:
        page = visitor(app, store.token).read(place(store.store_id, f"/logs/{job}"))
    assert f"And {more[0]:,} more that are not listed." in page
    assert f"and {more[0]:,} more that are not listed" in command_line("jobs", "errors", str(job))[1]
    listed = json.loads(command_line("jobs", "errors", str(job), "--json")[1])
    assert (len(listed), listed[-1]["index"]) == (MOST_LISTED + 1, None)
    assert json.loads(command_line("jobs", "show", str(job), "--json")[1])["errorsNotListed"] == more[0]


def test_an_erp_batch_answers_5000_problems_at_most(client: FlaskClient, conn: Connection) -> None:
    store = create_store(conn, "Of an ERP", "woocommerce", role="erp")
    body = {"products": [{"image_urls": [None] * 20}] * 500}
    data = (client.put("/api/v1/erp/products", json=body, headers=bearer(store.token)).json or {})["data"]
    assert (data["skippedCount"], len(data["errors"]), data["errorsNotListed"]) == (500, MOST_LISTED, 5000)


def test_a_batch_with_few_problems_lists_them_all(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    log = sync(runtime, store.store_id, "orders", [{}, BAD])
    told = client.get(f"/api/sync/jobs/{log.id}", headers=bearer(store.token)).json or {}
    assert told["data"]["errorsNotListed"] == 0
    page = client.get(f"/api/sync/jobs/{log.id}/errors", headers=bearer(store.token)).json or {}
    assert len(page["data"]["errors"]) == 4 + PROBLEMS_LISTED


def test_pages_of_a_pull_share_one_limit(conn: Connection, runtime: Runtime, store_id: UUID) -> None:
    log = sync(runtime, store_id, "orders", [make_order()])
    page = [RecordError(index, None, "total", "required", "is missing or empty") for index in range(3000)]
    with tenant(conn, store_id):
        written = [add_record_errors(conn, store_id, log.id, [*_moved(page, by)]) for by in (0, 3000, 6000)]
    assert written == [0, 1000, 3000]


def _moved(page: list[RecordError], by: int) -> list[RecordError]:
    return [RecordError(error.record_index + by, None, error.field, error.code, error.reason) for error in page]


def loads_of_items(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What marshmallow is given to judge of the items, from now on."""
    seen: list[Any] = []
    load = Schema._do_load

    def counted(self: Schema, data: Any, *args: Any, **named: Any) -> Any:
        if isinstance(self, OrderItemSchema):
            seen.append(data)
        return load(self, data, *args, **named)

    monkeypatch.setattr(Schema, "_do_load", counted)
    return seen


def test_an_order_of_1000_bad_lines_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = loads_of_items(monkeypatch)
    found = load_record(ORDERS, {"items": [{}] * 1000})
    assert isinstance(found, list) and len(found) == PROBLEMS_LISTED
    assert len(seen) == PROBLEMS_LISTED + 1


def test_good_lines_beside_a_bad_one_are_read_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = loads_of_items(monkeypatch)
    good = {"product_name": "Widget", "quantity": 1}
    found = load_record(ORDERS, {"items": [*[good] * 999, {}]})
    assert isinstance(found, list)
    assert seen == [{}]


def test_past_the_limit_one_problem_a_record_is_found(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, store_id: UUID
) -> None:
    seen = loads_of_items(monkeypatch)
    sync(runtime, store_id, "orders", [BAD] * 500)
    assert len(seen) == 250 * 10 + 250  # 250 records of 20 problems fill the list

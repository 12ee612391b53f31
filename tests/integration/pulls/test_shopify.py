"""Specification 4, row by row: a Shopify store pulled in all modes, from a fake shop on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from tests.fakes.shopify.shop import FIRST_ORDER, FakeShopify
from tests.support.pulls import Shopkeeper, shopkeeper
from workers.core.runtime import Runtime
from workers.pulls.turn import Turn

START = "/api/shopify/sync/jobs/start"
ORDERS = "/admin/api/2026-07/orders.json"
POPULATE = {"jobType": "orders", "syncMode": "populate"}


@pytest.fixture
def shop() -> Iterator[FakeShopify]:
    with FakeShopify(orders=600, products=30, customers=40, bucket=(1000, 1000.0)) as shop:
        yield shop


def stored(root_conn: Connection, keeper: Shopkeeper) -> dict[int, tuple[Any, ...]]:
    query = "SELECT external_id, status, total::float8 FROM orders WHERE store_id = %s"
    return {row[0]: row[1:] for row in root_conn.execute(query, (keeper.store_id,))}


def calls(shop: FakeShopify) -> int:
    """The number of pages requested since the last call of this."""
    count = shop.server.calls[ORDERS]
    shop.server.calls.clear()
    return count


def test_populate_creates_missing_and_skips_existing(
    keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection
) -> None:
    job = keeper.run(START, **POPULATE)
    assert calls(shop) == 3
    assert (job["syncMode"], job["counts"]["inserted"], job["progress"]["pages"]) == ("populate", 600, 3)
    assert (job["progress"]["records"], job["progress"]["total"]) == (600, 600)
    first = stored(root_conn, keeper)
    assert len(first) == 600

    shop.edit(FIRST_ORDER, financial_status="refunded")  # exists, changed in Shopify: skip
    added = shop.add()
    job = keeper.run(START, **POPULATE)
    assert calls(shop) == 1  # it resumes after the highest id of the last one
    assert job["counts"]["inserted"] == 1
    job = keeper.run(START, **POPULATE, fullScan=True)
    assert calls(shop) == 3
    assert (job["counts"]["existing"], job["counts"]["inserted"], job["skippedCount"]) == (601, 0, 601)
    now = stored(root_conn, keeper)
    assert now.pop(added) and now == first


def test_update_reads_changes_and_creates_missing(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    keeper.run(START, **POPULATE)
    calls(shop)
    shop.edit(FIRST_ORDER, financial_status="refunded")
    added = shop.add()
    job = keeper.run(START, jobType="orders", syncMode="update", staleAfterMins=60)
    assert calls(shop) == 1
    assert (job["counts"]["inserted"], job["counts"]["updated"], job["receivedCount"]) == (1, 1, 2)
    rows = stored(root_conn, keeper)
    assert rows[FIRST_ORDER][0] == "refunded" and added in rows


def test_default_mode_reads_and_applies_everything(
    keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection
) -> None:
    keeper.run(START, jobType="orders")
    shop.edit(FIRST_ORDER, financial_status="refunded")
    job = keeper.run(START, jobType="orders")
    assert (job["syncMode"], job["counts"]["updated"], job["counts"]["unchanged"]) == ("upsert", 1, 599)
    assert stored(root_conn, keeper)[FIRST_ORDER][0] == "refunded"


def test_populate_with_more_days_reads_the_older_part(
    keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection
) -> None:
    recent = shop.add()
    job = keeper.run(START, **POPULATE, days=2)
    assert job["counts"]["inserted"] == 1
    assert stored(root_conn, keeper).keys() == {recent}
    job = keeper.run(START, **POPULATE)
    assert (job["counts"]["inserted"], job["counts"]["existing"]) == (600, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"syncMode": "populate"}, "jobType must be one of orders, products, customers, variations"),
        ({"jobType": "refunds"}, "jobType must be one of"),
        ({"jobType": "orders", "syncMode": "sometimes"}, "syncMode must be one of populate, update"),
        ({"jobType": "orders", "syncMode": "update"}, "staleAfterMins is required"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": 0}, "staleAfterMins must be a whole number"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": True}, "staleAfterMins must be a whole number"),
        (
            {"jobType": "orders", "syncMode": "update", "staleAfterMins": 5, "days": 3},
            "days is allowed only with syncMode populate or upsert",
        ),
        ({"jobType": "orders", "syncMode": "populate", "staleAfterMins": 5}, "is allowed only with syncMode update"),
        ({"jobType": "orders", "days": -1}, "days must be a whole number"),
        ({"jobType": "orders", "fullScan": True}, "fullScan is allowed only with syncMode populate"),
    ],
)
def test_fields_of_another_mode_are_refused(keeper: Shopkeeper, body: dict[str, Any], words: str) -> None:
    answer = keeper.call("POST", START, **body)
    assert answer.status_code == 400
    assert words in answer.json["error"]["message"]  # type: ignore[index]


def test_second_pull_is_refused_with_the_running_id(keeper: Shopkeeper) -> None:
    running = keeper.start(START, **POPULATE)
    answer = keeper.call("POST", START, jobType="orders", syncMode="update", staleAfterMins=5)
    assert answer.status_code == 409
    assert answer.json["error"]["details"] == {"jobId": str(running)}  # type: ignore[index]
    assert keeper.work(keeper.start(START, jobType="products")) is Turn.COMPLETED


def test_jobs_are_shown_with_mode_and_counts(keeper: Shopkeeper) -> None:
    ran = keeper.run(START, **POPULATE)
    listed = keeper.data("GET", "/api/shopify/sync/jobs")["jobs"]
    shown = keeper.data("GET", f"/api/shopify/sync/jobs/{ran['jobId']}")
    assert [(job["jobId"], job["syncMode"], job["counts"]["inserted"]) for job in listed] == [
        (ran["jobId"], "populate", 600)
    ]
    assert shown["options"] == {} and shown["progress"]["recordsPerSecond"] > 0


def test_pulled_products_and_customers_are_linked(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    keeper.run(START, **POPULATE)
    assert keeper.run(START, jobType="products")["counts"]["inserted"] > 0
    assert keeper.run(START, jobType="customers")["counts"]["inserted"] == 40
    linked = root_conn.execute(
        """SELECT count(*) FROM orders o JOIN customers c ON c.store_id = o.store_id AND c.id = o.customer_id
            WHERE o.store_id = %s AND c.external_id = o.customer_external_id""",
        (keeper.store_id,),
    ).fetchone()
    unlinked = root_conn.execute(
        """SELECT count(*) FROM orders o JOIN customers c
               ON c.store_id = o.store_id AND c.external_id = o.customer_external_id
            WHERE o.store_id = %s AND o.customer_id IS NULL""",
        (keeper.store_id,),
    ).fetchone()
    assert linked is not None and linked[0] > 0 and unlinked == (0,)


def test_no_address_of_a_buyer_is_stored(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    keeper.run(START, **POPULATE)
    keeper.run(START, jobType="customers")
    for table in ("orders", "order_items", "customers", "pull_runs", "sync_record_errors", "sync_metadata"):
        found = root_conn.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%%@%%'".encode()).fetchone()
        assert found == (0,), table


def test_revoked_token_fails_the_pull_and_a_retry_resumes(
    keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection
) -> None:
    shop.server.before = lambda _call: setattr(shop.office, "ends", 0.0 if shop.server.calls[ORDERS] > 1 else inf)
    log_id = keeper.start(START, **POPULATE)
    assert keeper.work(log_id) is Turn.FAILED
    job = keeper.job(log_id)
    assert job["status"] == "failed" and job["progress"]["records"] == 250
    assert "token" in job["error"]["message"].lower() or "connect" in job["error"]["message"].lower()
    shop.server.before, shop.office.ends = lambda _call: None, inf
    calls(shop)
    assert keeper.call("POST", f"/api/sync/jobs/{log_id}/retry").status_code == 202
    assert keeper.work(log_id) is Turn.COMPLETED
    assert calls(shop) == 2
    assert len(stored(root_conn, keeper)) == 600


def test_pull_completes_despite_every_second_500(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    shop.server.faults.every(2, "500")
    keeper.run(START, jobType="orders")
    assert len(stored(root_conn, keeper)) == 600


@pytest.mark.parametrize("fault", ["html", "truncated", "cut", "drop", "reset"])
def test_broken_answer_is_requested_again(keeper: Shopkeeper, shop: FakeShopify, fault: str) -> None:
    shop.server.faults.next(None, fault)
    assert keeper.run(START, jobType="orders", syncMode="populate")["counts"]["inserted"] == 600


def test_pause_resume_and_cancel_over_http(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    log_id = keeper.start(START, **POPULATE)
    assert keeper.data("POST", f"/api/sync/jobs/{log_id}/pause")["status"] == "paused"
    assert keeper.call("POST", f"/api/sync/jobs/{log_id}/pause").status_code == 409
    assert keeper.work(log_id) is Turn.NOT_OURS
    assert keeper.data("POST", f"/api/sync/jobs/{log_id}/resume")["phase"] == "queued"
    assert keeper.call("POST", f"/api/sync/jobs/{log_id}/resume").status_code == 409
    assert keeper.data("POST", f"/api/sync/jobs/{log_id}/cancel")["status"] == "cancelled"
    assert keeper.work(log_id) is Turn.NOT_OURS
    assert stored(root_conn, keeper) == {}


def test_wrong_platform_or_no_credentials_is_explained(
    keeper: Shopkeeper, client: FlaskClient, runtime: Runtime, conn: Connection, root_conn: Connection
) -> None:
    assert keeper.call("POST", "/api/tiktok/sync/orders").status_code == 403
    root_conn.execute("UPDATE stores SET credentials = NULL WHERE id = %s", (keeper.store_id,))
    answer = keeper.call("POST", START, **POPULATE)
    assert (answer.status_code, "No access token" in answer.text) == (409, True)


def test_expiring_token_is_renewed_and_stored(
    runtime: Runtime, client: FlaskClient, conn: Connection, shop: FakeShopify
) -> None:
    keeper = shopkeeper(runtime, client, conn, "shopify", shop.url, shop.office.credentials)
    assert keeper.run(START, jobType="orders")["counts"]["inserted"] == 600
    shop.office.ends = 0.0
    assert keeper.run(START, jobType="orders")["counts"]["unchanged"] == 600
    keeper.run(START, jobType="orders")
    assert shop.office.given == 2

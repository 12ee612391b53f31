"""What may be sent to the doors of the pulls by mistake or in haste, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from db.core.tenancy import tenant
from db.insight.audit_events import AuditFilter, list_events
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pipeline import bearer
from tests.support.pulls import Shopkeeper, shopkeeper
from workers.core.runtime import Runtime

ORDERS = "/api/tiktok/sync/orders"
START = "/api/shopify/sync/jobs/start"
FILL = "/api/sync/coverage/fill"


@pytest.fixture
def shop() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=250) as shop:
        yield shop


@pytest.fixture
def shopify(runtime: Runtime, client: FlaskClient, conn: Connection) -> Shopkeeper:
    return shopkeeper(runtime, client, conn, "shopify", "http://127.0.0.1:9", {"access_token": "x"})


@pytest.mark.parametrize("path", [START, FILL])
@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "INVALID_JSON"), (b"[]", "VALIDATION_ERROR"), (b'"orders"', "VALIDATION_ERROR")],
)
def test_body_that_is_not_an_object_is_refused(shopify: Shopkeeper, path: str, body: bytes, code: str) -> None:
    headers = bearer(shopify.token) | {"Content-Type": "application/json"}
    answer = shopify.client.post(path, data=body, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, code)  # type: ignore[index]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense"])
def test_wrong_query_of_a_job_list_is_refused(shopify: Shopkeeper, query: str) -> None:
    assert shopify.call("GET", f"/api/shopify/sync/jobs?{query}").status_code == 400


def test_runs_of_another_platform_are_not_shown(shopify: Shopkeeper, keeper: Shopkeeper) -> None:
    ran = keeper.run(ORDERS)["jobId"]
    for job in (ran, "00000000-0000-4000-8000-000000000000", "nonsense"):
        assert shopify.call("GET", f"/api/shopify/sync/jobs/{job}").status_code == 404
        assert keeper.call("GET", f"/api/shopify/sync/jobs/{job}").status_code == 404
    assert keeper.call("GET", "/api/shopify/sync/jobs").status_code == 403


def test_concurrent_starts_make_one_run(runtime: Runtime, keeper: Shopkeeper) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _n: keeper.client.application.test_client().post(ORDERS, headers=bearer(keeper.token)), range(4)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    (job,) = {answer.json["data"]["jobId"] for answer in answers if answer.status_code == 202}  # type: ignore[index]
    assert {answer.json["error"]["details"]["jobId"] for answer in answers if answer.status_code == 409} == {job}  # type: ignore[index]


def test_paused_run_blocks_others_until_cancelled(keeper: Shopkeeper) -> None:
    job = keeper.start(ORDERS)
    keeper.data("POST", f"/api/sync/jobs/{job}/pause")
    assert keeper.call("POST", ORDERS).status_code == 409
    assert keeper.call("POST", f"/api/sync/jobs/{job}/retry").status_code == 409
    assert keeper.data("POST", f"/api/sync/jobs/{job}/cancel")["status"] == "cancelled"
    for change in ("pause", "resume", "cancel", "retry"):
        assert keeper.call("POST", f"/api/sync/jobs/{job}/{change}").status_code == 409
    assert keeper.run(ORDERS)["counts"]["inserted"] == 250


def test_completed_run_can_be_neither_paused_nor_retried(keeper: Shopkeeper) -> None:
    job = keeper.run(ORDERS)["jobId"]
    for change in ("pause", "resume", "cancel", "retry"):
        assert keeper.call("POST", f"/api/sync/jobs/{job}/{change}").status_code == 409


def test_fill_without_holes_or_during_a_run_answers_409(keeper: Shopkeeper) -> None:
    assert keeper.call("POST", FILL, entity="orders").status_code == 409
    job = keeper.run(ORDERS)
    answer = keeper.call("POST", FILL, entity="orders")
    assert (answer.status_code, "no hole" in answer.json["error"]["message"]) == (409, True)  # type: ignore[index]
    running = keeper.start(f"{ORDERS}/full")
    answer = keeper.call("POST", FILL, entity="orders")
    assert answer.json["error"]["details"] == {"jobId": str(running)} != {"jobId": job["jobId"]}  # type: ignore[index]


def test_entity_that_the_platform_lacks_is_refused(keeper: Shopkeeper) -> None:
    assert keeper.call("POST", FILL, entity="customers").status_code == 400
    assert keeper.data("GET", "/api/sync/coverage?entity=customers")["covered"] == []
    assert keeper.call("GET", "/api/sync/coverage?entity=returns").status_code == 400
    answer = keeper.call("GET", "/api/sync/explain?entity=customers&id=5")
    error = answer.json["error"]  # type: ignore[index]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["message"] == "tiktok stores have orders, products, refunds, variations"


@pytest.mark.parametrize("entity", ["orders", "products"])
def test_limited_run_without_order_moves_no_watermark(keeper: Shopkeeper, shop: FakeTiktok, entity: str) -> None:
    """A first run reads by creation: what it has not read yet may have changed before what it has."""
    for _ in range(5):
        shop.add("products")
    path = f"/api/tiktok/sync/{entity}"
    shop.edit(shop.tables["orders"].ids[0])
    limited = keeper.start(f"{path}?max_records=1")
    keeper.work(limited)
    assert keeper.data("GET", "/api/tiktok/sync/status")[entity]["metadata"]["last_sync_time"] is None
    rest = keeper.start(path)
    keeper.data("POST", f"/api/sync/jobs/{rest}/cancel")
    keeper.run(path)
    status = keeper.data("GET", "/api/tiktok/sync/status")[entity]
    assert (status["count"], status["metadata"]["last_sync_time"] is not None) == (len(shop.tables[entity]), True)


PULLS = "/api/tiktok/sync/pulls"


def test_generic_route_starts_a_pull_with_its_options(keeper: Shopkeeper) -> None:
    answer = keeper.call("POST", PULLS, entity="orders", mode="full", maxRecords=10)
    assert answer.status_code == 202 and answer.json is not None
    started = answer.json["data"]
    assert (started["syncMode"], started["jobType"], answer.headers["Location"]) == (
        "full",
        "orders",
        started["statusUrl"],
    )
    job = keeper.data("GET", started["statusUrl"])
    assert (job["source"], job["options"]) == ("tiktok", {"maxRecords": 10})
    again = keeper.call("POST", PULLS, entity="orders", mode="incremental")
    assert (again.status_code, (again.json or {})["error"]["details"]) == (409, {"jobId": started["jobId"]})


def test_generic_route_is_audited_as_start_of_a_pull(keeper: Shopkeeper, conn: Connection) -> None:
    job = keeper.start(PULLS, entity="orders", mode="incremental")
    with tenant(conn, keeper.store_id):
        (event,) = list_events(conn, keeper.store_id, AuditFilter(), 10)
    assert (event.action, event.result) == ("pull.start", "ok")
    assert event.details == {"entity": "orders", "mode": "incremental", "jobId": str(job)}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"mode": "full"}, "entity must be one of orders, products"),
        ({"entity": "orders"}, "mode must be one of incremental, update, full, fill"),
        ({"entity": "customers", "mode": "full"}, "entity must be one of orders, products"),
        ({"entity": "orders", "mode": "populate"}, "mode must be one of incremental, update, full, fill"),
        ({"entity": "orders", "mode": "update"}, "staleAfterMins is required for mode update"),
        ({"entity": "orders", "mode": "full", "days": 3}, "days is allowed only with mode populate or upsert"),
        ({"entity": "orders", "mode": "full", "dayz": 3}, "dayz is not known: the fields are"),
    ],
)
def test_generic_route_refuses_what_does_not_fit(keeper: Shopkeeper, body: dict[str, object], message: str) -> None:
    answer = keeper.call("POST", PULLS, **body)
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["message"].startswith(message)


def test_generic_route_knows_registered_platforms_only(keeper: Shopkeeper) -> None:
    body = {"entity": "orders", "mode": "incremental"}
    assert keeper.call("POST", "/api/magento/sync/pulls", **body).status_code == 404
    assert keeper.call("POST", "/api/shopify/sync/pulls", **body).status_code == 403
    assert keeper.call("POST", "/api/woocommerce/sync/pulls", **body).status_code == 403

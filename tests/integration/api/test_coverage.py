"""The coverage ledger with its holes, and the verdict about one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from tests.fakes.shopify.shop import FIRST_ORDER, FakeShopify
from tests.support.pulls import Shopkeeper

START = "/api/shopify/sync/jobs/start"
COVERAGE = "/api/sync/coverage?entity=orders"
UPDATE = {"jobType": "orders", "syncMode": "update"}


@pytest.fixture
def shop() -> Iterator[FakeShopify]:
    with FakeShopify(orders=300, bucket=(1000, 1000.0)) as shop:
        yield shop


def explain(keeper: Shopkeeper, key: int) -> dict[str, Any]:
    return keeper.data("GET", f"/api/sync/explain?entity=orders&id={key}")


def test_unread_changes_are_holes_that_can_be_filled(keeper: Shopkeeper, root_conn: Connection) -> None:
    assert keeper.data("GET", COVERAGE)["covered"] == []
    assert keeper.call("POST", "/api/sync/coverage/fill", entity="orders").status_code == 409
    job = keeper.run(START, **UPDATE, staleAfterMins=60)
    coverage = keeper.data("GET", COVERAGE)
    (window,) = coverage["windows"]
    assert (window["mode"], window["jobId"], window["complete"]) == ("update", job["jobId"], True)
    assert coverage["holes"] == [{"from": None, "to": window["from"]}]
    assert keeper.data("GET", "/api/sync/status")["orders"]["metadata"]["last_sync_time"] is None

    filled = keeper.run("/api/sync/coverage/fill", entity="orders")
    assert (filled["syncMode"], filled["counts"]["inserted"]) == ("fill", 300)
    coverage = keeper.data("GET", COVERAGE)
    assert (coverage["holes"], coverage["covered"]) == ([], [{"from": None, "to": window["to"]}])
    assert keeper.data("GET", "/api/sync/status")["orders"]["metadata"]["last_sync_time"] == window["to"]


def test_several_holes_are_filled_in_one_run(keeper: Shopkeeper, shop: FakeShopify, root_conn: Connection) -> None:
    for minutes, until in ((3000, 2000), (1000, 500)):
        root_conn.execute(
            """INSERT INTO sync_coverage (store_id, entity, covered_from, covered_until, mode, log_id, is_complete)
               SELECT %s, 'orders', now() - make_interval(mins => %s), now() - make_interval(mins => %s), 'update',
                      gen_random_uuid(), true""",
            (keeper.store_id, minutes, until),
        )
    assert len(keeper.data("GET", COVERAGE)["holes"]) == 2
    keeper.run("/api/sync/coverage/fill", entity="orders")
    assert keeper.data("GET", COVERAGE)["holes"] == []


def test_populate_that_skips_records_covers_nothing(keeper: Shopkeeper, shop: FakeShopify) -> None:
    keeper.run(START, **UPDATE, staleAfterMins=5)
    shop.edit(FIRST_ORDER, financial_status="refunded")
    keeper.run(START, **UPDATE, staleAfterMins=5)
    keeper.run(START, jobType="orders", syncMode="populate")
    populated = keeper.data("GET", COVERAGE)["windows"][0]
    assert (populated["mode"], populated["complete"]) == ("populate", False)


def test_stored_record_is_explained_by_version_and_run(keeper: Shopkeeper, shop: FakeShopify) -> None:
    first = keeper.run(START, jobType="orders")
    found = explain(keeper, FIRST_ORDER + 270)  # on the second page
    assert (found["verdict"], found["evidence"]["jobId"]) == ("stored", first["jobId"])
    shop.edit(FIRST_ORDER + 270, financial_status="refunded")
    second = keeper.run(START, **UPDATE, staleAfterMins=60)
    assert explain(keeper, FIRST_ORDER + 270)["evidence"]["jobId"] == second["jobId"]


def test_skipped_record_is_explained_by_the_reason(keeper: Shopkeeper, shop: FakeShopify) -> None:
    shop.tables["orders"].edit(FIRST_ORDER + 5, 1_767_225_900, total_price="a lot")
    job = keeper.run(START, jobType="orders")
    found = explain(keeper, FIRST_ORDER + 5)
    assert (found["verdict"], found["evidence"]["jobId"]) == ("skipped", job["jobId"])
    assert (found["evidence"]["field"], found["evidence"]["code"]) == ("total_price", "not_a_number")
    shop.edit(FIRST_ORDER + 5, total_price="5.00")
    keeper.run(START, **UPDATE, staleAfterMins=60)
    assert explain(keeper, FIRST_ORDER + 5)["verdict"] == "stored"


def test_record_older_than_the_stored_one_is_stale(keeper: Shopkeeper, shop: FakeShopify) -> None:
    keeper.run(START, jobType="orders")
    shop.edit(FIRST_ORDER, at=1_767_225_000)  # an older version than the one that stands
    job = keeper.run(START, jobType="orders")
    assert job["counts"]["stale"] == 1
    found = explain(keeper, FIRST_ORDER)
    assert (found["verdict"], found["evidence"]["offeredBy"]) == ("stale", job["jobId"])


def test_absent_record_is_explained_by_the_coverage(keeper: Shopkeeper) -> None:
    assert explain(keeper, FIRST_ORDER + 9999)["verdict"] == "outside_coverage"
    keeper.run(START, **UPDATE, staleAfterMins=60)
    assert explain(keeper, FIRST_ORDER + 9999)["verdict"] == "outside_coverage"
    keeper.run(START, jobType="orders")
    assert explain(keeper, FIRST_ORDER + 9999)["verdict"] == "never_seen"
    found = explain(keeper, FIRST_ORDER - 1)
    assert (found["verdict"], found["evidence"]) == ("not_reachable", {"lowestIdSeen": str(FIRST_ORDER)})


@pytest.mark.parametrize(
    "query", ["", "entity=refunds&id=5", "entity=orders", "entity=orders&id=0", "entity=orders&id=x"]
)
def test_wrong_query_of_coverage_is_refused(keeper: Shopkeeper, query: str) -> None:
    assert keeper.call("GET", f"/api/sync/explain?{query}").status_code == 400

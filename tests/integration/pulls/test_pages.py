"""What each page of a run moves: the watermark, the number of fetches, and the job that a client polls."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from psycopg import Connection
from werkzeug.test import TestResponse

from app.usecases.stores import CreatedStore, create_store
from db.core.tenancy import tenant
from db.sync.metadata import get_metadata
from tests.support.pipeline import bearer, read_log
from tests.support.pulls import MemoryShop, run, start, turn
from tests.support.stepped.shop import SteppedShop
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted
from workers.pulls.turn import Turn

INCREMENTAL = Wanted("orders", "incremental")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(conn: Connection) -> CreatedStore:
    return create_store(conn, "TikTok shop", "tiktok")


@pytest.fixture
def shop() -> MemoryShop:
    shop = MemoryShop()
    for number in range(1, 26):
        shop.change(number)
    return shop


def watermark(runtime: Runtime, store_id: UUID) -> datetime | None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        found = get_metadata(conn, store_id, "orders")
    return found.last_sync_time if found else None


@pytest.mark.parametrize("stops_between", [False, True], ids=["one turn", "a turn a page"])
def test_watermark_is_the_clock_of_the_first_fetch(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, stops_between: bool
) -> None:
    first = shop.clock

    def pass_an_hour(count: int) -> None:
        if count > 0:
            shop.clock += HOUR
        if stops_between:
            runtime.stopping.set()

    shop.before_fetch = pass_an_hour
    log_id = start(runtime, store_id, INCREMENTAL)
    while turn(runtime, store_id, log_id, shop) is Turn.YIELDED:
        runtime.stopping.clear()
    assert (read_log(runtime, store_id, log_id).status, len(shop.fetches)) == ("completed", 3)
    found = watermark(runtime, store_id)
    assert found is not None and first - HOUR < found <= first  # the seconds that the fetch took are subtracted


@pytest.mark.parametrize(("max_records", "fetches"), [(10, 1), (20, 2)])
def test_page_that_fills_max_records_is_the_last_fetch(
    runtime: Runtime, store_id: UUID, shop: MemoryShop, max_records: int, fetches: int
) -> None:
    log_id = run(runtime, store_id, shop, Wanted("orders", "incremental", max_records=max_records))
    assert len(shop.fetches) == fetches
    assert read_log(runtime, store_id, log_id).received == max_records


def ask(app: Flask, store: CreatedStore, log_id: UUID, tag: str = "") -> TestResponse:
    return app.test_client().get(f"/api/sync/jobs/{log_id}", headers=bearer(store.token) | {"If-None-Match": tag})


@pytest.mark.parametrize("is_valid", [True, False], ids=["written", "skipped"])
def test_etag_of_running_pull_changes_with_its_pages(
    app: Flask, runtime: Runtime, store: CreatedStore, store_id: UUID, is_valid: bool
) -> None:
    """A client that polls with the last ETag sees each page, be it of records that are all skipped."""
    shop, answers = SteppedShop(), [(0, "")]
    for number in range(1, 26):
        shop.change(number, **({} if is_valid else {"payment": None}))
    log_id = start(runtime, store_id, INCREMENTAL)

    def poll(count: int) -> None:
        wait_until(lambda: read_log(runtime, store_id, log_id).received == 10 * count, 30.0, f"page {count} is applied")
        answer = ask(app, store, log_id, answers[-1][1])
        answers.append((answer.status_code, answer.headers["ETag"]))

    shop.before_fetch = poll
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert [status for status, _ in answers[1:]] == [200, 200, 200]
    assert len({tag for _, tag in answers[1:]}) == 3


def test_answers_that_differ_have_different_etags(
    app: Flask, runtime: Runtime, store: CreatedStore, store_id: UUID
) -> None:
    """At every step: a page that is kept and not applied yet moves the progress alone."""
    shop, seen = SteppedShop(), set()
    for number in range(1, 26):
        shop.change(number)
    log_id = start(runtime, store_id, INCREMENTAL)

    def poll(_step: int) -> None:
        answer = ask(app, store, log_id)
        seen.add((answer.headers["ETag"], answer.text))

    def poll_once_applied(count: int) -> None:
        wait_until(lambda: read_log(runtime, store_id, log_id).received == 10 * count, 30.0, f"page {count} is applied")
        poll(count)

    shop.at_step, shop.before_fetch = poll, poll_once_applied
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    assert len(seen) >= 3
    assert len({tag for tag, _ in seen}) == len(seen)

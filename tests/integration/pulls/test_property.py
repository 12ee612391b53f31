"""After changes and crashes during pulls, the next incremental pull makes the tables equal to the platform.

Nothing is applied twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.usecases.stores import create_store, set_credentials
from db.core.tenancy import tenant
from db.sync.logs import cancel_log
from tests.conftest import Database
from tests.fakes.tiktok.records import FIRST_ORDER
from tests.fakes.tiktok.shop import BEGIN, FakeTiktok
from tests.support.examples import examples
from tests.support.pipeline import read_log
from tests.support.pulls import SECRET_KEY, MemoryShop, keyed, start
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted
from workers.pulls.turn import OpenShop, Turn, pull
from workers.shops.opener import open_store_shop

STATUSES = ("UNPAID", "AWAITING_SHIPMENT", "IN_TRANSIT", "COMPLETED", "CANCELLED")
EDIT = st.tuples(st.integers(0, 60), st.sampled_from(STATUSES))
WANTED = st.builds(
    Wanted,
    entity=st.just("orders"),
    mode=st.sampled_from(("incremental", "incremental", "full")),
    max_records=st.none() | st.integers(1, 40),
)
LAW = settings(
    max_examples=examples(5),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


class Killed(BaseException):
    """Ends the worker at this point; no handler of ours catches it."""


def stored(url: str, store_id: UUID) -> dict[int, tuple[str, int]]:
    query = "SELECT external_id, platform_status, extract(epoch FROM date_modified)::bigint FROM orders"
    with psycopg.connect(url, autocommit=True) as conn, tenant(conn, store_id):
        return {row[0]: row[1:] for row in conn.execute(query)}


def to_the_end(runtime: Runtime, url: str, store_id: UUID, wanted: Wanted, open_shop: OpenShop) -> UUID:
    """Run, and again after each crash, as the dispatcher does once the lease has expired."""
    log_id = start(runtime, store_id, wanted)
    while True:
        try:
            outcome = pull(runtime, store_id, log_id, open_shop)
        except Killed:
            with psycopg.connect(url, autocommit=True) as conn, tenant(conn, store_id):
                conn.execute("UPDATE sync_logs SET next_attempt_at = now(), attempts = 0")
            continue
        assert outcome is Turn.COMPLETED
        return log_id


def count_inserted(url: str, store_id: UUID) -> int:
    with psycopg.connect(url, autocommit=True) as conn, tenant(conn, store_id):
        row = conn.execute("SELECT coalesce(sum(inserted), 0) FROM sync_logs").fetchone()
    assert row is not None
    return int(row[0])


def cancel_next(runtime: Runtime, store_id: UUID) -> None:
    """Start a pull that takes over the last one's rest, and cancel it before it reads anything."""
    log_id = start(runtime, store_id, Wanted("orders", "incremental"))
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert cancel_log(conn, store_id, log_id)


def assert_watermark_is_not_ahead(url: str, store_id: UUID, shop: FakeTiktok) -> None:
    """Everything that changed before the watermark is stored."""
    with psycopg.connect(url, autocommit=True) as conn, tenant(conn, store_id):
        row = conn.execute("SELECT extract(epoch FROM last_sync_time) FROM sync_metadata").fetchone()
    if row is None or row[0] is None:
        return
    due = {int(order["id"]): order for order in shop.tables["orders"].all() if order["update_time"] < row[0]}
    rows = stored(url, store_id)
    assert {key: rows.get(key) for key in due} == {
        key: (order["status"], order["update_time"]) for key, order in due.items()
    }


@LAW
@given(st.lists(WANTED, min_size=1, max_size=3), st.lists(EDIT, max_size=30), st.sets(st.integers(0, 20), max_size=4))
def test_random_edits_and_crashes_lose_nothing(
    runtime: Runtime,
    database: Database,
    runs: list[Wanted],
    edits: list[tuple[int, str]],
    deaths: set[int],
) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        store_id = create_store(conn, "A shop", "tiktok").store_id
    shop = MemoryShop(page_size=7)
    for number in range(40):
        shop.change(number + 1)
    left, dying = list(edits), set(deaths)

    def before(count: int) -> None:
        if left:
            number, status = left.pop()
            shop.change(number + 1, status=status)
        if count in dying:
            dying.discard(count)
            raise Killed

    shop.before_fetch = before
    for wanted in runs:
        to_the_end(runtime, database.url, store_id, wanted, lambda _runtime, _store: shop)
    shop.before_fetch = lambda _count: None
    shop.clock += timedelta(seconds=1)
    final = Wanted("orders", "incremental")
    to_the_end(runtime, database.url, store_id, final, lambda _runtime, _store: shop)
    log_id = to_the_end(runtime, database.url, store_id, final, lambda _runtime, _store: shop)
    must = {number: (order["status"], order["update_time"]) for number, order in shop.orders.items()}
    assert stored(database.url, store_id) == must
    assert count_inserted(database.url, store_id) == len(must)
    assert read_log(runtime, store_id, log_id).updated == 0


@pytest.mark.parametrize("step", [0, pytest.param(60, marks=pytest.mark.slow)])
@LAW
@given(st.lists(EDIT, max_size=20), st.none() | st.integers(30, 250))
def test_random_edits_on_drifting_pages_lose_nothing(
    runtime: Runtime, database: Database, step: int, edits: list[tuple[int, str]], max_records: int | None
) -> None:
    # The fake's page tokens are offsets: an edited order leaves its page, and later ones move up.
    with FakeTiktok(orders=330, begin=BEGIN, step=step) as shop:
        shop.server.before = _editing(shop, edits)
        with psycopg.connect(database.url, autocommit=True) as conn:
            store_id = create_store(conn, "A shop", "tiktok", shop.url).store_id
            set_credentials(conn, SECRET_KEY, store_id, shop.credentials)
        with_key = keyed(runtime)
        limited = Wanted("orders", "incremental", max_records=max_records)
        for wanted in (limited, Wanted("orders", "full"), limited):
            to_the_end(with_key, database.url, store_id, wanted, open_store_shop)
            assert_watermark_is_not_ahead(database.url, store_id, shop)
            cancel_next(with_key, store_id)
            assert_watermark_is_not_ahead(database.url, store_id, shop)
        shop.server.before = lambda _call: None
        shop.clock = lambda: time.time() + 2
        for _ in range(3):
            to_the_end(with_key, database.url, store_id, Wanted("orders", "incremental"), open_store_shop)
        must = {int(row["id"]): (row["status"], row["update_time"]) for row in shop.tables["orders"].all()}
        assert stored(database.url, store_id) == must
        assert count_inserted(database.url, store_id) == len(must)


def _editing(shop: FakeTiktok, edits: list[tuple[int, str]]) -> Callable[[Any], None]:
    left = list(edits)

    def edit(_call: Any) -> None:
        for number, status in (left.pop() for _ in range(min(3, len(left)))):
            shop.edit(FIRST_ORDER + number * 5, status=status)

    return edit

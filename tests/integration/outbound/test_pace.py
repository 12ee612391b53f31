"""The pace of a store's sending: it follows the shop's answers, is kept between turns, and has a limit per store."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.push_leases import get_pace, set_calls_limit
from tests.fakes.common.server import Call, Reply
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.outbound import hurried, make_erp_product, push, put_products, statuses
from workers.core.runtime import Runtime
from workers.outbound.planning import pacing


class Crowd:
    """How many writes were in the shop at once, at most. The first ones wait for each other, so that `size` of them meet."""

    def __init__(self, shop: FakeWooCommerce, size: int) -> None:
        self.most = 0
        self._now = 0
        self._first = size
        self._meeting = threading.Barrier(size)
        self._lock = threading.Lock()
        shop.before = self._come
        served = shop._served

        def serve_and_go(call: Call, route: str | None) -> Reply:
            reply = served(call, route)
            with self._lock:
                self._now -= call.method == "POST"
            return reply

        shop._served = serve_and_go  # type: ignore[method-assign]

    def _come(self, endpoint: str) -> None:
        if not endpoint.startswith("POST"):
            return
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self._first -= 1
            is_first = self._first >= 0
        if is_first:
            self._meeting.wait(30)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_store_has_its_own_limit_of_calls(
    pushing: Runtime,
    connected_shop: FakeWooCommerce,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    limit: int,
) -> None:
    with tenant(conn, store_id):
        assert set_calls_limit(conn, store_id, limit)
    conn.commit()
    crowd = Crowd(connected_shop, limit)
    put_products(pushing, store_id, [make_erp_product() for _ in range(600)])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 600}
    assert crowd.most == limit


def test_a_slow_shop_gets_fewer_and_is_remembered(
    pushing: Runtime, connected_shop: FakeWooCommerce, conn: Connection, store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer counts as slow here, so that the test need not wait for one."""
    monkeypatch.setattr(pacing, "SLOW_SECONDS", -1.0)
    put_products(pushing, store_id, [make_erp_product() for _ in range(300)])
    push(pushing, store_id)
    with tenant(conn, store_id):
        slowed = get_pace(conn, store_id).products_at_once
    assert slowed is not None and slowed < 400
    monkeypatch.setattr(pacing, "SLOW_SECONDS", 8.0)
    put_products(pushing, store_id, [make_erp_product()])
    push(pushing, store_id)
    with tenant(conn, store_id):
        assert get_pace(conn, store_id).products_at_once == slowed + 2 * pacing.STEP_PRODUCTS  # a look and a write


def test_a_failing_shop_gets_fewer_products_at_once(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    connected_shop.faults.add(Fault("gateway_timeout", "^POST"))
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    with tenant(conn, store_id):
        assert get_pace(conn, store_id).products_at_once == 200

"""Pulled orders are published by id, on the stream and on pub/sub; each once if nothing fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from redis import Redis

from db.core.tenancy import tenant
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import with_key
from workers.core.runtime import Runtime
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.events import CHANNELS
from workers.outbound.intake.listener import Listener, refused_counts
from workers.outbound.publish_orders import ORDER_RECEIVED, publish_orders
from workers.pulls.start import Wanted, start_pull
from workers.pulls.turn import Turn, pull
from workers.shops.opener import open_store_shop

NOW = datetime.now(UTC)


@pytest.fixture
def shop(root_conn: Connection, connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    root_conn.execute("DELETE FROM wc_order_events")
    return connected_shop


def pull_orders(runtime: Runtime, store_id: UUID) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        log_id = start_pull(conn, store_id, "woocommerce", Wanted("orders", "incremental"), None).log_id
    assert pull(with_key(runtime), store_id, log_id, open_store_shop) is Turn.COMPLETED


def on_stream(redis: Redis) -> list[dict[str, Any]]:
    entries: Any = redis.xrange(STREAM)
    return [json.loads(fields[b"data"]) for _, fields in entries if fields[b"event"] == ORDER_RECEIVED.encode()]


def test_processing_orders_are_published_once(
    runtime: Runtime, store_id: UUID, shop: FakeWooCommerce, redis: Redis, root_conn: Connection
) -> None:
    new = [shop.add_order(NOW - timedelta(hours=n), status="processing")["id"] for n in range(1, 4)]
    unpaid = shop.add_order(NOW - timedelta(hours=5), status="pending")["id"]
    with redis.pubsub() as heard:  # type: ignore[no-untyped-call]  # redis has no type
        heard.subscribe(ORDER_RECEIVED)
        pull_orders(runtime, store_id)
        assert publish_orders(runtime.pool, runtime.wake_up) == 3
        messages = [message for _ in range(5) if (message := heard.get_message(timeout=1.0))]
    told = on_stream(redis)
    assert [json.loads(one["data"]) for one in messages if one["type"] == "message"] == told
    assert sorted(one["wooCommerceId"] for one in told) == new
    listener = Listener(runtime.pool, redis, runtime.wake_up)
    assert (listener.tick(), refused_counts(redis)) == (3, {})  # our own events are skipped, and not counted as refused
    listener.disconnect()
    ids: dict[int, UUID] = dict(
        root_conn.execute("SELECT external_id, id FROM orders WHERE store_id = %s", (store_id,)).fetchall()
    )
    assert all(
        one
        == {"storeId": str(store_id), "orderId": str(ids[one["wooCommerceId"]]), "wooCommerceId": one["wooCommerceId"]}
        for one in told
    )
    shop.touch_order(new[0], status="processing")
    shop.touch_order(unpaid, status="processing")  # paid now
    pull_orders(runtime, store_id)
    assert publish_orders(runtime.pool, runtime.wake_up) == 1
    assert [one["wooCommerceId"] for one in on_stream(redis)[3:]] == [unpaid]


def test_orders_wait_while_redis_refuses_them(
    runtime: Runtime, store_id: UUID, shop: FakeWooCommerce, redis: Redis
) -> None:
    shop.add_order(NOW - timedelta(hours=1), status="processing")
    pull_orders(runtime, store_id)
    redis.set(STREAM, "no stream at all")
    assert publish_orders(runtime.pool, runtime.wake_up) == 0
    redis.delete(STREAM)
    runtime.wake_up.closed_until = 0.0
    assert publish_orders(runtime.pool, runtime.wake_up) == 1
    assert len(on_stream(redis)) == 1


def test_the_published_event_is_not_an_erp_event() -> None:
    assert ORDER_RECEIVED not in CHANNELS

"""Events on pub/sub and on the stream become items; no entry of the stream is lost, malformed events are skipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from redis import Redis

from tests.conftest import Servers
from tests.support.outbound import make_erp_product, put_products
from tests.support.waiting import wait_until
from workers.core.queues import connect
from workers.core.runtime import Runtime
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.listener import GROUP, Listener, refused_counts


@pytest.fixture
def listener(runtime: Runtime, servers: Servers, redis: Redis) -> Iterator[Listener]:
    with connect(servers.redis.url, 5.0) as client:
        connected = Listener(runtime.pool, client, runtime.wake_up)
        connected.tick()
        yield connected
        connected.disconnect()


def requested(root_conn: Connection, store_id: UUID) -> list[tuple[str, int]]:
    query = "SELECT sync_type, requests FROM wc_sync_items WHERE store_id = %s ORDER BY priority"
    return root_conn.execute(query, (store_id,)).fetchall()


def add(redis: Redis, event: str, **data: str) -> None:
    redis.xadd(STREAM, {"event": event, "data": json.dumps(data)})


def test_channels_and_stream_both_create_items(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    product = {"storeId": str(store_id), "productId": str(uuid4())}
    redis.publish("pricing.price_changed", json.dumps(product))
    redis.publish("product.image_added", json.dumps(product))
    add(redis, "inventory.stock_updated", **product)
    add(redis, "category.created", storeId=str(store_id), categoryId=str(uuid4()))
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    assert [sync_type for sync_type, _ in requested(root_conn, store_id)] == ["price", "stock", "category", "image"]
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


@pytest.mark.parametrize("way", ["channel", "stream"])
def test_a_deletion_in_the_erp_discontinues_the_product(
    listener: Listener, redis: Redis, runtime: Runtime, root_conn: Connection, store_id: UUID, way: str
) -> None:
    deleted, other = make_erp_product(), make_erp_product()
    put_products(runtime, store_id, [deleted, other])
    event = {"storeId": str(store_id), "productId": deleted["product_id"]}
    if way == "channel":
        redis.publish("product.deleted", json.dumps(event))
    else:
        add(redis, "product.deleted", **event)
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    query = "SELECT product_id FROM erp_products WHERE store_id = %s AND discontinued_at IS NOT NULL"
    assert root_conn.execute(query, (store_id,)).fetchall() == [(UUID(deleted["product_id"]),)]


def test_malformed_events_are_counted_and_skipped(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    product = {"storeId": str(store_id), "productId": str(uuid4())}
    redis.xadd(STREAM, {"event": "product.updated", "data": "{"})
    redis.xadd(STREAM, {"nothing": "known"})
    add(redis, "weather.changed", **product)
    add(redis, "product.updated", productId=product["productId"])
    add(redis, "product.updated", storeId=str(uuid4()), productId=product["productId"])
    add(redis, "woocommerce.order_received", orderId="1")
    redis.publish("product.created", b"\xff\xfe")
    add(redis, "product.updated", **product)
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    assert requested(root_conn, store_id) == [("product", 1)]
    assert refused_counts(redis) == {
        "not_json": 3,
        "unknown_event": 1,
        "no_store_id": 1,
        "unknown_store": 1,
    }


def test_entries_of_a_dead_listener_are_read_again(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    add(redis, "product.updated", storeId=str(store_id), productId=str(uuid4()))
    redis.xreadgroup(GROUP, "dead", {STREAM: ">"})
    [entry] = redis.xpending_range(STREAM, GROUP, "-", "+", 10)
    redis.xclaim(STREAM, GROUP, "dead", 0, [entry["message_id"]], idle=60_000)
    listener.claimed_at = float("-inf")
    listener.tick()
    assert requested(root_conn, store_id) == [("product", 1)]


def test_old_entries_are_read_before_they_are_trimmed(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    with redis.pipeline() as pipe:
        for number in range(1, 251):  # as of 1970
            data = json.dumps({"storeId": str(store_id), "productId": str(uuid4())})
            pipe.xadd(STREAM, {"event": "product.updated", "data": data}, id=f"{number}-1")
        pipe.execute()
    redis.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=10)
    listener.claimed_at = float("-inf")
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    assert redis.xlen(STREAM) == 250 and len(requested(root_conn, store_id)) == 240
    for entry in redis.xpending_range(STREAM, GROUP, "-", "+", 10):
        redis.xclaim(STREAM, GROUP, "dead", 0, [entry["message_id"]], idle=60_000)
    for _ in range(2):  # the first tick reads the dead listener's entries, the second finds all acknowledged
        listener.claimed_at = float("-inf")
        listener.tick()
    assert redis.xlen(STREAM) < 250 and len(requested(root_conn, store_id)) == 250


def test_the_listener_resubscribes_after_a_flush(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    redis.flushall()
    with pytest.raises(Exception, match="NOGROUP"):
        listener.tick()
    listener.disconnect()
    listener.tick()
    add(redis, "product.updated", storeId=str(store_id), productId=str(uuid4()))
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    assert requested(root_conn, store_id) == [("product", 1)]


def test_a_thousand_events_of_one_product_are_one_item(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    product = {"storeId": str(store_id), "productId": str(uuid4())}
    for _ in range(1000):
        add(redis, "pricing.price_changed", **product)
    wait_until(lambda: listener.tick() == 0, 10, "all events are taken")
    [(sync_type, requests)] = requested(root_conn, store_id)
    assert sync_type == "price" and requests <= 10

"""Tells others of orders that came in from a shop: `woocommerce.order_received`, on pub/sub and on the stream.

At least once: an order is marked after Redis took it, so a process that dies in between tells of it again. Ids only; whoever
hears of an order reads it where it may.
"""

from __future__ import annotations

import json
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.order_events import (
    ReceivedOrder,
    list_publishing_stores,
    list_unpublished_orders,
    mark_orders_published,
)
from workers.core.queues import WakeUp
from workers.outbound.intake.listener import STREAM

log = get_logger(__name__)

ORDER_RECEIVED = "woocommerce.order_received"
MOST_STORES = 500
AT_ONCE = 200


def announce_orders(pool: Pool, wake_up: WakeUp) -> int:
    """Publish what waits, a round for each store; how many orders. Raises psycopg.Error and PoolTimeout.

    While Redis is away they wait.
    """
    if wake_up.is_resting:
        return 0
    with pool.connection() as conn:
        store_ids = list_publishing_stores(conn, MOST_STORES)
    try:
        return sum(_announce(pool, wake_up.redis, store_id) for store_id in store_ids)
    except RedisError as error:
        wake_up.rest(error)
        return 0


def _announce(pool: Pool, redis: Redis, store_id: UUID) -> int:
    with pool.connection() as conn, tenant(conn, store_id):
        orders = list_unpublished_orders(conn, store_id, AT_ONCE)
    with redis.pipeline(transaction=False) as pipe:
        for order in orders:
            data = json.dumps(order_received(store_id, order))
            pipe.xadd(STREAM, {"event": ORDER_RECEIVED, "data": data})
            pipe.publish(ORDER_RECEIVED, data)
        pipe.execute()
    with pool.connection() as conn, tenant(conn, store_id):
        mark_orders_published(conn, store_id, [order.order_id for order in orders])
    log.info("orders_announced", store_id=str(store_id), orders=len(orders))
    return len(orders)


def order_received(store_id: UUID, order: ReceivedOrder) -> dict[str, str | int]:
    """What is told of an order; `wooCommerceId` is its id in the shop."""
    return {"storeId": str(store_id), "orderId": str(order.order_id), "wooCommerceId": order.external_id}

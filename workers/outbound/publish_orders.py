"""Publishes orders that came in from a shop: `woocommerce.order_received`, on pub/sub and on the stream.

At least once: an order is marked after Redis took it, so it is published again if the process dies in between. The message
has ids only, so that a reader needs access to the order itself.
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
from workers.outbound.intake.event_sources import STREAM

log = get_logger(__name__)

ORDER_RECEIVED = "woocommerce.order_received"
MOST_STORES = 500
AT_ONCE = 200


def publish_orders(pool: Pool, wake_up: WakeUp) -> int:
    """Publish up to AT_ONCE waiting orders of each store; returns how many. While Redis is away they wait.

    Raises psycopg.Error and PoolTimeout.
    """
    if wake_up.is_resting:
        return 0
    with pool.connection() as conn:
        store_ids = list_publishing_stores(conn, MOST_STORES)
    try:
        return sum(_publish(pool, wake_up.redis, store_id) for store_id in store_ids)
    except RedisError as error:
        wake_up.rest(error)
        return 0


def _publish(pool: Pool, redis: Redis, store_id: UUID) -> int:
    with pool.connection() as conn, tenant(conn, store_id):
        orders = list_unpublished_orders(conn, store_id, AT_ONCE)
    with redis.pipeline(transaction=False) as pipe:
        for order in orders:
            data = json.dumps(order_message(store_id, order))
            pipe.xadd(STREAM, {"event": ORDER_RECEIVED, "data": data})
            pipe.publish(ORDER_RECEIVED, data)
        pipe.execute()
    with pool.connection() as conn, tenant(conn, store_id):
        mark_orders_published(conn, store_id, [order.order_id for order in orders])
    log.info("orders_announced", store_id=str(store_id), orders=len(orders))
    return len(orders)


def order_message(store_id: UUID, order: ReceivedOrder) -> dict[str, str | int]:
    return {"storeId": str(store_id), "orderId": str(order.order_id), "wooCommerceId": order.external_id}

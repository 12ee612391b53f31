"""Fills a store set-wise, as years of syncing would: orders in the sequence of their ids, three lines each, old logs."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from psycopg import Connection

AT_ONCE = 250_000
LOGS = 200_000

# The values are those of `world.orders`, so that a row is as wide as a synced one; uuidv7() sorts as the product's ids do.
ORDERS: LiteralString = """
INSERT INTO orders (store_id, id, external_id, date_created, date_modified, status, total, subtotal, tax_total,
       shipping_total, discount_total, currency, customer_external_id, payment_method, coupon_used, source_updated_at,
       accepted_seq, content_hash)
SELECT %(store_id)s, uuidv7(), n, moment, moment, 'completed', n %% 900, n %% 800, 5, 5, 0, 'USD', n %% 300 + 1, 'stripe', '',
       moment, 0, decode(md5(n::text), 'hex')
  FROM (SELECT n, timestamptz '2020-01-01' + n * interval '30 seconds' AS moment
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) numbered
 ORDER BY n
"""
ITEMS: LiteralString = """
INSERT INTO order_items (store_id, order_id, position, product_name, sku, quantity, subtotal, total, product_external_id)
SELECT o.store_id, o.id, line, 'Product ' || (n.number + line) %% 500, 'SKU-' || (n.number + line) %% 500, line + 1,
       44.99, 49.99, (n.number + line) %% 500 + 1
  FROM orders o
 CROSS JOIN generate_series(0, 2) line
 CROSS JOIN LATERAL (SELECT o.external_id * 7 AS number) n
 WHERE o.store_id = %(store_id)s AND o.external_id BETWEEN %(first)s AND %(last)s
 ORDER BY o.id, line
"""
STATS: LiteralString = """
INSERT INTO entity_stats (store_id, entity, record_count, last_sync_time, last_record_time, records_synced)
VALUES (%(store_id)s, 'orders', %(orders)s, now(), now(), 1000)
"""
# One of a thousand failed; those are what may still be applied, so they also feed the barrier.
OLD_LOGS: LiteralString = """
INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, inserted, invalid, next_attempt_at, enqueued_at,
       accepted_at, started_at, finished_at, error_code, error_message, attempts, enqueues)
SELECT %(store_id)s, uuidv7(), 'orders', 'plugin', 'upsert', CASE WHEN fails THEN 'failed' ELSE 'completed' END, 25,
       CASE WHEN fails THEN 0 ELSE 25 END, 0, moment, moment, moment, moment, moment,
       CASE WHEN fails THEN 'INTERNAL' END, CASE WHEN fails THEN 'The batch could not be processed.' END, 1, 1
  FROM (SELECT n %% 1000 = 0 AS fails, now() - (%(logs)s - n) * interval '10 seconds' AS moment
          FROM generate_series(1, %(logs)s) n) numbered
"""


def fill(conn: Connection, store_id: UUID, orders: int) -> None:
    """Foreign keys are not checked: nothing is referred to but the orders that were just written."""
    conn.execute("SET session_replication_role = replica")
    conn.execute("SET synchronous_commit = off")
    for first in range(1, orders + 1, AT_ONCE):
        part = {"store_id": store_id, "first": first, "last": min(first + AT_ONCE - 1, orders)}
        conn.execute(ORDERS, part)
        conn.execute(ITEMS, part)
    conn.execute(STATS, {"store_id": store_id, "orders": orders})
    conn.execute(OLD_LOGS, {"store_id": store_id, "logs": LOGS})
    conn.execute("VACUUM (FREEZE, ANALYZE)")
    conn.execute("CHECKPOINT")

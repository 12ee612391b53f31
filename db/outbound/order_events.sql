-- name: note_received_orders
-- Once per order; only orders that wait for the merchant.
INSERT INTO wc_order_events (store_id, order_id)
SELECT o.store_id, o.id
  FROM orders o
 WHERE o.store_id = %(store_id)s AND o.external_id = ANY (%(external_ids)s::bigint[]) AND o.status = 'processing'
 ORDER BY o.id
    ON CONFLICT DO NOTHING

-- name: list_unpublished_orders
-- Ids only, the oldest first.
SELECT e.order_id, o.external_id
  FROM wc_order_events e
  JOIN orders o ON o.store_id = e.store_id AND o.id = e.order_id
 WHERE e.store_id = %(store_id)s AND e.published_at IS NULL
 ORDER BY e.created_at, e.order_id
 LIMIT %(most)s

-- name: mark_orders_published
-- Keeps the time of the first publication.
UPDATE wc_order_events
   SET published_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND order_id = ANY (%(order_ids)s::uuid[]) AND published_at IS NULL

-- name: list_publishing_stores
-- Ids of stores; no other data of a tenant.
SELECT store_id FROM dispatch_order_events(%(most)s)

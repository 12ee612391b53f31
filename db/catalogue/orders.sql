-- name: get_order_versions
-- The version of each row that is stored, without locking it.
SELECT {key}, id, source_updated_at, accepted_seq, content_hash
  FROM orders
 WHERE store_id = %(store_id)s AND {key} = ANY (%(keys)s::bigint[])

-- name: create_order_stage
-- Once a session; empties itself at the end of each transaction, so a pooled connection carries nothing over.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_orders (
    id uuid, platform_id bigint, date_created timestamptz, date_modified timestamptz, status text, total numeric,
    subtotal numeric, tax_total numeric, shipping_total numeric, discount_total numeric, currency text,
    wc_customer_id bigint, customer_id uuid, payment_method text, coupon_used text, source_updated_at
    timestamptz, accepted_seq bigint, content_hash bytea
) ON COMMIT DELETE ROWS

-- name: copy_order_stage
-- A temporary table has no row-level security, under which COPY is not allowed.
COPY staged_orders (id, platform_id, date_created, date_modified, status, total, subtotal, tax_total, shipping_total,
      discount_total, currency, wc_customer_id, customer_id, payment_method, coupon_used, source_updated_at,
      accepted_seq, content_hash) FROM STDIN

-- name: upsert_orders
-- Never replaces a newer version; returns the id of each row it wrote. In key order, so that two batches can't deadlock.
INSERT INTO orders AS stored (store_id, id, {key}, date_created, date_modified, status, total, subtotal, tax_total, shipping_total,
       discount_total, currency, wc_customer_id, customer_id, payment_method, coupon_used, source_updated_at,
       accepted_seq, content_hash)
SELECT %(store_id)s, id, platform_id, date_created, date_modified, status, total, subtotal, tax_total, shipping_total,
       discount_total, currency, wc_customer_id, customer_id, payment_method, coupon_used, source_updated_at,
       accepted_seq, content_hash
  FROM staged_orders
 ORDER BY platform_id
    ON CONFLICT (store_id, {key}) WHERE {key} IS NOT NULL DO UPDATE SET
       date_created = EXCLUDED.date_created, date_modified = EXCLUDED.date_modified, status = EXCLUDED.status, total
       = EXCLUDED.total, subtotal = EXCLUDED.subtotal, tax_total = EXCLUDED.tax_total, shipping_total =
       EXCLUDED.shipping_total, discount_total = EXCLUDED.discount_total, currency = EXCLUDED.currency,
       wc_customer_id = EXCLUDED.wc_customer_id, customer_id = EXCLUDED.customer_id, payment_method =
       EXCLUDED.payment_method, coupon_used = EXCLUDED.coupon_used, source_updated_at =
       EXCLUDED.source_updated_at, accepted_seq = EXCLUDED.accepted_seq, content_hash =
       EXCLUDED.content_hash, synced_at = EXCLUDED.synced_at
 WHERE (EXCLUDED.source_updated_at, EXCLUDED.accepted_seq) > (stored.source_updated_at, stored.accepted_seq)
RETURNING id

-- name: touch_orders
-- Raises versions, never lowers one; locks in key order.
UPDATE orders stored
   SET source_updated_at = newer.source_updated_at, accepted_seq = %(accepted_seq)s
  FROM (SELECT n.platform_id, n.source_updated_at
          FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) n (platform_id, source_updated_at)
          JOIN orders t ON t.{key} = n.platform_id
         WHERE t.store_id = %(store_id)s
         ORDER BY n.platform_id
           FOR UPDATE OF t) newer
 WHERE stored.store_id = %(store_id)s AND stored.{key} = newer.platform_id
   AND (newer.source_updated_at, %(accepted_seq)s) > (stored.source_updated_at, stored.accepted_seq)

-- name: create_item_stage
-- As the orders' own.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_order_items (
    order_id uuid, position integer, product_name text, sku text, quantity numeric, subtotal numeric, total numeric,
    wc_product_id bigint, product_id uuid
) ON COMMIT DELETE ROWS

-- name: copy_item_stage
-- As the orders' own.
COPY staged_order_items (order_id, position, product_name, sku, quantity, subtotal, total, wc_product_id, product_id)
FROM STDIN

-- name: delete_order_items
-- All lines of the orders that are about to get new ones: lines are replaced as a whole.
DELETE FROM order_items WHERE store_id = %(store_id)s AND order_id = ANY (%(order_ids)s)

-- name: insert_order_items
-- The staged lines; their orders stand already.
INSERT INTO order_items (store_id, order_id, position, product_name, sku, quantity, subtotal, total, wc_product_id, product_id)
SELECT %(store_id)s, order_id, position, product_name, sku, quantity, subtotal, total, wc_product_id, product_id
  FROM staged_order_items

-- name: link_orders
-- Completes what waited for these customers; touches nothing else.
UPDATE orders waiting
   SET customer_id = arrived.id
  FROM unnest(%(keys)s::bigint[], %(ids)s::uuid[]) arrived (key, id)
 WHERE waiting.store_id = %(store_id)s AND waiting.wc_customer_id = arrived.key AND waiting.customer_id IS NULL

-- name: link_order_items
-- Completes what waited for these products; touches nothing else.
UPDATE order_items waiting
   SET product_id = arrived.id
  FROM unnest(%(keys)s::bigint[], %(ids)s::uuid[]) arrived (key, id)
 WHERE waiting.store_id = %(store_id)s AND waiting.wc_product_id = arrived.key AND waiting.product_id IS NULL

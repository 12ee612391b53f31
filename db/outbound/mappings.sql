-- name: get_mappings
-- What the shop last got of these products.
SELECT internal_product_id, wc_product_id, sent_hashes, sent_regular_price, sent_sale_price, sent_stock
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND internal_product_id = ANY (%(product_ids)s::uuid[])

-- name: save_mappings
-- Adds the hashes to earlier ones. Fails if the shop's product is mapped to another product. In key order.
INSERT INTO wc_product_sync_mappings AS known (store_id, id, internal_product_id, wc_product_id, last_synced, sync_status,
       sent_hashes, sent_regular_price, sent_sale_price, sent_stock)
SELECT %(store_id)s, n.id, n.product_id, n.wc_id, clock_timestamp(), n.status, n.hashes, n.regular_price, n.sale_price, n.stock
  FROM unnest(%(ids)s::uuid[], %(product_ids)s::uuid[], %(wc_ids)s::bigint[], %(statuses)s::text[], %(hashes)s::jsonb[],
              %(regular_prices)s::numeric[], %(sale_prices)s::numeric[], %(stocks)s::bigint[])
       n (id, product_id, wc_id, status, hashes, regular_price, sale_price, stock)
 ORDER BY n.product_id
    ON CONFLICT (store_id, internal_product_id) DO UPDATE SET
       wc_product_id = EXCLUDED.wc_product_id, last_synced = EXCLUDED.last_synced, sync_status = EXCLUDED.sync_status,
       error_message = NULL, sent_hashes = known.sent_hashes || EXCLUDED.sent_hashes,
       sent_regular_price = EXCLUDED.sent_regular_price, sent_sale_price = EXCLUDED.sent_sale_price,
       sent_stock = EXCLUDED.sent_stock, updated_at = clock_timestamp()

-- name: forget_sent_groups
-- These field groups count as never sent; the mapping stays.
UPDATE wc_product_sync_mappings m
   SET sent_hashes = m.sent_hashes - n.groups, updated_at = clock_timestamp()
  FROM (SELECT product_id, array_agg(field_group) AS groups
          FROM unnest(%(product_ids)s::uuid[], %(groups)s::text[]) w (product_id, field_group)
         GROUP BY product_id) n
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id AND m.sent_hashes ?| n.groups

-- name: get_owners
-- The ERP's product of each of these products of the shop; unmapped ones are missing.
SELECT wc_product_id, internal_product_id
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND wc_product_id = ANY (%(wc_ids)s::bigint[])

-- name: mark_mappings_failed
-- The reason stays until the next success.
UPDATE wc_product_sync_mappings m
   SET sync_status = 'failed', error_message = n.message, updated_at = clock_timestamp()
  FROM unnest(%(product_ids)s::uuid[], %(messages)s::text[]) n (product_id, message)
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id

-- name: delete_mappings
-- Only if the mapping still names that product of the shop.
DELETE FROM wc_product_sync_mappings m
 USING unnest(%(product_ids)s::uuid[], %(wc_ids)s::bigint[]) n (product_id, wc_id)
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id AND m.wc_product_id = n.wc_id

-- name: get_mapping
-- No row for an unknown product or another tenant's. In sync: every field group was sent as it is now.
SELECT m.internal_product_id, e.sku, m.wc_product_id, m.last_synced, m.sync_status, m.error_message, m.created_at,
       m.updated_at, coalesce(e.group_hashes = m.sent_hashes, false) AS in_sync
  FROM wc_product_sync_mappings m
  LEFT JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = %(product_id)s

-- name: list_mappings
-- By the ERP's ids, after the cursor.
SELECT m.internal_product_id, e.sku, m.wc_product_id, m.last_synced, m.sync_status, m.error_message, m.created_at,
       m.updated_at, coalesce(e.group_hashes = m.sent_hashes, false) AS in_sync
  FROM wc_product_sync_mappings m
  LEFT JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND (%(after)s::uuid IS NULL OR m.internal_product_id > %(after)s)
 ORDER BY m.internal_product_id
 LIMIT %(most)s

-- name: list_drift
-- Products that changed since they were sent, or were never sent; by their ids, after the cursor.
SELECT e.product_id AS internal_product_id, e.sku, m.wc_product_id, m.last_synced, coalesce(m.sync_status, 'unmapped') AS
       sync_status, m.error_message, m.created_at, m.updated_at, false AS in_sync
  FROM erp_products e
  LEFT JOIN wc_product_sync_mappings m ON m.store_id = e.store_id AND m.internal_product_id = e.product_id
 WHERE e.store_id = %(store_id)s AND (m.sent_hashes IS NULL OR e.group_hashes <> m.sent_hashes)
   AND (%(after)s::uuid IS NULL OR e.product_id > %(after)s)
 ORDER BY e.product_id
 LIMIT %(most)s

-- name: count_mappings
-- One row: how many products are mapped, and how many changed since they were sent, or were never sent.
SELECT (SELECT count(*) FROM wc_product_sync_mappings WHERE store_id = %(store_id)s),
       (SELECT count(*)
          FROM erp_products e
          LEFT JOIN wc_product_sync_mappings m ON m.store_id = e.store_id AND m.internal_product_id = e.product_id
         WHERE e.store_id = %(store_id)s AND (m.sent_hashes IS NULL OR e.group_hashes <> m.sent_hashes))

-- name: get_mappings
-- What the shop was last seen to have of these products.
SELECT internal_product_id, wc_product_id, sync_status, seen_regular_price, seen_sale_price, seen_sale_from, seen_sale_to, seen_stock,
       sent_sale_price, image_hash, seen_hashes, rejected_hashes, differences, looked_at, taken_off, wc_parent_id
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND internal_product_id = ANY (%(product_ids)s::uuid[])

-- name: save_looks
-- What was compared replaces what was seen before. Fails if the shop's product is mapped to another product. In key order.
WITH old AS MATERIALIZED (
    SELECT internal_product_id, looked_hashes, seen_hashes, differences, seen_at
      FROM wc_product_sync_mappings
     WHERE store_id = %(store_id)s AND internal_product_id = ANY (%(product_ids)s::uuid[])
)
INSERT INTO wc_product_sync_mappings AS known (store_id, id, internal_product_id, wc_product_id, wc_parent_id, last_synced, sync_status,
       seen_regular_price, seen_sale_price, seen_sale_from, seen_sale_to, seen_stock, sent_sale_price, image_hash,
       looked_hashes, seen_hashes, differences, looked_at, seen_at)
SELECT %(store_id)s, n.id, n.product_id, n.wc_id, n.wc_parent_id, clock_timestamp(), n.status, n.regular_price, n.sale_price, n.sale_from, n.sale_to,
       n.stock, n.sent_sale, n.image_hash,
       coalesce(old.looked_hashes, '{}') || n.looked_hashes,
       coalesce(old.seen_hashes, '{}') - ARRAY(SELECT jsonb_object_keys(n.looked_hashes)) || n.seen_hashes,
       coalesce(old.differences, '{}') - ARRAY(SELECT jsonb_array_elements_text(n.fields)) || n.differences,
       clock_timestamp(), CASE WHEN n.is_whole THEN clock_timestamp() ELSE old.seen_at END
  FROM unnest(%(ids)s::uuid[], %(product_ids)s::uuid[], %(wc_ids)s::bigint[], %(wc_parent_ids)s::bigint[],
              %(statuses)s::text[], %(regular_prices)s::numeric[],
              %(sale_prices)s::numeric[], %(sale_froms)s::timestamptz[], %(sale_tos)s::timestamptz[], %(stocks)s::bigint[],
              %(sent_sales)s::numeric[], %(image_hashes)s::text[], %(fields)s::jsonb[], %(looked_hashes)s::jsonb[],
              %(seen_hashes)s::jsonb[], %(differences)s::jsonb[], %(are_whole)s::boolean[])
       n (id, product_id, wc_id, wc_parent_id, status, regular_price, sale_price, sale_from, sale_to, stock, sent_sale, image_hash, fields,
          looked_hashes, seen_hashes, differences, is_whole)
  LEFT JOIN old ON old.internal_product_id = n.product_id
 ORDER BY n.product_id
    ON CONFLICT (store_id, internal_product_id) DO UPDATE SET
       wc_product_id = EXCLUDED.wc_product_id, wc_parent_id = EXCLUDED.wc_parent_id, last_synced = EXCLUDED.last_synced, sync_status = EXCLUDED.sync_status,
       error_message = NULL, seen_regular_price = EXCLUDED.seen_regular_price, seen_sale_price = EXCLUDED.seen_sale_price,
       seen_sale_from = EXCLUDED.seen_sale_from, seen_sale_to = EXCLUDED.seen_sale_to, seen_stock = EXCLUDED.seen_stock,
       sent_sale_price = EXCLUDED.sent_sale_price, image_hash = EXCLUDED.image_hash, looked_hashes = EXCLUDED.looked_hashes,
       seen_hashes = EXCLUDED.seen_hashes, differences = EXCLUDED.differences, looked_at = EXCLUDED.looked_at,
       seen_at = EXCLUDED.seen_at, updated_at = clock_timestamp()

-- name: forget_seen_groups
-- These field groups count as never seen; the mapping stays.
UPDATE wc_product_sync_mappings m
   SET seen_hashes = m.seen_hashes - n.groups, image_hash = CASE WHEN 'image' = ANY (n.groups) THEN NULL ELSE m.image_hash END,
       updated_at = clock_timestamp()
  FROM (SELECT product_id, array_agg(field_group) AS groups
          FROM unnest(%(product_ids)s::uuid[], %(groups)s::text[]) w (product_id, field_group)
         GROUP BY product_id) n
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id AND m.seen_hashes ?| n.groups

-- name: reject_groups
-- Remembers the ERP's values of these field groups as they are now.
UPDATE wc_product_sync_mappings m
   SET rejected_hashes = m.rejected_hashes || n.hashes, updated_at = clock_timestamp()
  FROM (SELECT e.product_id, jsonb_object_agg(w.field_group, e.group_hashes ->> w.field_group) AS hashes
          FROM unnest(%(product_ids)s::uuid[], %(groups)s::text[]) w (product_id, field_group)
          JOIN erp_products e ON e.store_id = %(store_id)s AND e.product_id = w.product_id
         GROUP BY e.product_id) n
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id

-- name: forget_rejections
-- What a person rejected of these products may be sent again.
UPDATE wc_product_sync_mappings SET rejected_hashes = '{}', updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND internal_product_id = ANY (%(product_ids)s::uuid[]) AND rejected_hashes <> '{}'

-- name: get_owners
-- The ERP's product of each of these products of the shop; unmapped ones are missing.
SELECT wc_product_id, internal_product_id
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND wc_product_id = ANY (%(wc_ids)s::bigint[])

-- name: list_mapped_variations
-- Variations by their product's id in the shop; those that are not mapped are missing.
SELECT wc_product_id, wc_parent_id
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND wc_parent_id = ANY (%(wc_parent_ids)s::bigint[])

-- name: mark_mappings_failed
-- The reason stays until the next success. A product that was only adopted stays so: brakes must weigh all of it.
UPDATE wc_product_sync_mappings m
   SET sync_status = CASE m.sync_status WHEN 'adopted' THEN 'adopted' ELSE 'failed' END, error_message = n.message, updated_at = clock_timestamp()
  FROM unnest(%(product_ids)s::uuid[], %(messages)s::text[]) n (product_id, message)
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id

-- name: delete_mappings
-- Only if the mapping still names that product of the shop.
DELETE FROM wc_product_sync_mappings m
 USING unnest(%(product_ids)s::uuid[], %(wc_ids)s::bigint[]) n (product_id, wc_id)
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id AND m.wc_product_id = n.wc_id

-- name: get_mapping
-- No row for an unknown product or another tenant's. In sync: the shop was seen to have every field group as the ERP states it now.
SELECT m.internal_product_id, e.sku, m.wc_product_id, m.wc_parent_id, m.last_synced, m.sync_status, m.error_message, m.created_at,
       m.updated_at, coalesce(e.group_hashes = m.seen_hashes, false) AS in_sync, m.seen_at,
       m.differences
  FROM wc_product_sync_mappings m
  LEFT JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = %(product_id)s

-- name: list_mappings
-- By the ERP's ids, after the cursor.
SELECT m.internal_product_id, e.sku, m.wc_product_id, m.wc_parent_id, m.last_synced, m.sync_status, m.error_message, m.created_at,
       m.updated_at, coalesce(e.group_hashes = m.seen_hashes, false) AS in_sync, m.seen_at,
       m.differences
  FROM wc_product_sync_mappings m
  LEFT JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND (%(after)s::uuid IS NULL OR m.internal_product_id > %(after)s)
 ORDER BY m.internal_product_id
 LIMIT %(most)s

-- name: list_out_of_sync
-- Products that the shop was not seen to have as the ERP states them now; by their ids, after the cursor. A discontinued product that the
-- shop never got is none.
SELECT e.product_id AS internal_product_id, e.sku, m.wc_product_id, m.wc_parent_id, m.last_synced, coalesce(m.sync_status, 'unmapped') AS
       sync_status, m.error_message, m.created_at, m.updated_at, false AS in_sync,
       m.seen_at, coalesce(m.differences, '{}') AS differences
  FROM erp_products e
  LEFT JOIN wc_product_sync_mappings m ON m.store_id = e.store_id AND m.internal_product_id = e.product_id
 WHERE e.store_id = %(store_id)s AND (m.seen_hashes IS NULL OR e.group_hashes <> m.seen_hashes)
   AND (m.wc_product_id IS NOT NULL OR e.discontinued_at IS NULL)
   AND (%(after)s::uuid IS NULL OR e.product_id > %(after)s)
 ORDER BY e.product_id
 LIMIT %(most)s

-- name: count_mappings
-- One row: how many products are mapped, and how many the shop was not seen to have as the ERP states them now.
SELECT (SELECT count(*) FROM wc_product_sync_mappings WHERE store_id = %(store_id)s),
       (SELECT count(*)
          FROM erp_products e
          LEFT JOIN wc_product_sync_mappings m ON m.store_id = e.store_id AND m.internal_product_id = e.product_id
         WHERE e.store_id = %(store_id)s AND (m.seen_hashes IS NULL OR e.group_hashes <> m.seen_hashes)
           AND (m.wc_product_id IS NOT NULL OR e.discontinued_at IS NULL))

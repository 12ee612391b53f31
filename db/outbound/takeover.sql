-- name: get_takeover
-- NULL if no person has decided yet.
SELECT settings ->> 'takeover' FROM stores WHERE id = %(store_id)s

-- name: decide_takeover
-- Keeps the store's other settings. A decision stays.
UPDATE stores SET settings = settings || jsonb_build_object('takeover', %(decision)s::text)
 WHERE id = %(store_id)s AND NOT settings ? 'takeover'

-- name: has_lookups
-- Whether an item is open whose product was never looked up: it is not mapped, and no call may have created it.
SELECT EXISTS (SELECT
                 FROM wc_sync_items i
                 JOIN erp_products e ON e.store_id = i.store_id AND e.product_id = i.product_id
                WHERE i.store_id = %(store_id)s AND i.status IN ('pending', 'syncing') AND e.create_begun_at IS NULL
                  AND NOT EXISTS (SELECT FROM wc_product_sync_mappings m
                                   WHERE m.store_id = i.store_id AND m.internal_product_id = i.product_id))

-- name: count_adopted_fields
-- One row for each field: how many adopted products that wait differ in it.
SELECT field, count(*)
  FROM wc_product_sync_mappings m
 CROSS JOIN LATERAL jsonb_object_keys(m.differences) d (field)
 WHERE m.store_id = %(store_id)s AND m.sync_status = 'adopted'
   AND EXISTS (SELECT FROM wc_sync_items i
                WHERE i.store_id = m.store_id AND i.product_id = m.internal_product_id AND i.status IN ('pending', 'needs_approval'))
 GROUP BY field

-- name: list_adopted_differences
-- The first of them by SKU.
SELECT m.internal_product_id AS product_id, e.sku, m.differences -> %(field)s::text -> 'ours' AS ours,
       m.differences -> %(field)s::text -> 'theirs' AS theirs
  FROM wc_product_sync_mappings m
  JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND m.sync_status = 'adopted' AND m.differences ? %(field)s::text
   AND EXISTS (SELECT FROM wc_sync_items i
                WHERE i.store_id = m.store_id AND i.product_id = m.internal_product_id AND i.status IN ('pending', 'needs_approval'))
 ORDER BY e.sku
 LIMIT %(most)s

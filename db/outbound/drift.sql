-- name: request_check
-- One row a store. A whole check that has begun goes on where it stands.
INSERT INTO wc_drift_checks AS known (store_id, due_at, is_whole)
VALUES (%(store_id)s, clock_timestamp(), %(whole)s)
    ON CONFLICT (store_id) DO UPDATE SET
       due_at = least(known.due_at, EXCLUDED.due_at), is_whole = EXCLUDED.is_whole OR (known.due_at IS NOT NULL AND known.is_whole)

-- name: get_check
-- No row if none was ever due.
SELECT due_at, is_whole, place, began_at, watermark, checked_at, whole_at, error_code
  FROM wc_drift_checks WHERE store_id = %(store_id)s

-- name: get_due_check
-- No row unless one is due.
SELECT due_at, is_whole, place, began_at, watermark, checked_at, whole_at, error_code, clock_timestamp()
  FROM wc_drift_checks WHERE store_id = %(store_id)s AND due_at <= clock_timestamp()

-- name: move_check
-- The due check becomes a whole one.
UPDATE wc_drift_checks
   SET is_whole = true, place = %(place)s, began_at = coalesce(%(began_at)s::timestamptz, began_at)
 WHERE store_id = %(store_id)s

-- name: end_check
-- The watermark never moves back, nor past now: a scheduled product has its day as its date.
UPDATE wc_drift_checks
   SET due_at = NULL, is_whole = false, place = NULL, began_at = NULL, error_code = NULL, checked_at = clock_timestamp(),
       watermark = greatest(watermark, least(%(watermark)s::timestamptz, clock_timestamp())),
       whole_at = CASE WHEN %(whole)s THEN clock_timestamp() ELSE whole_at END
 WHERE store_id = %(store_id)s

-- name: postpone_check
-- Goes on later where it stands.
UPDATE wc_drift_checks
   SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s), error_code = %(code)s
 WHERE store_id = %(store_id)s

-- name: page_mapped
-- Mapped products by the ERP's ids, after the cursor.
SELECT internal_product_id
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s AND (%(after)s::uuid IS NULL OR internal_product_id > %(after)s)
 ORDER BY internal_product_id
 LIMIT %(most)s

-- name: list_busy_products
-- Those that have an item which waits, is held or is being sent.
SELECT DISTINCT product_id
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[]) AND status IN ('pending', 'syncing', 'needs_approval')

-- name: page_findings
-- Products in which the shop differs, by the ERP's ids, after the cursor.
SELECT m.internal_product_id, e.sku, m.wc_product_id, m.sync_status,
       EXISTS (SELECT FROM wc_sync_items i
                WHERE i.store_id = m.store_id AND i.product_id = m.internal_product_id
                  AND i.status IN ('pending', 'syncing', 'needs_approval')),
       m.differences
  FROM wc_product_sync_mappings m
  JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
 WHERE m.store_id = %(store_id)s AND m.differences <> '{}' AND (%(after)s::uuid IS NULL OR m.internal_product_id > %(after)s)
 ORDER BY m.internal_product_id
 LIMIT %(most)s

-- name: get_drift_settings
-- The store's own settings, or NULL.
SELECT settings -> 'drift' FROM stores WHERE id = %(store_id)s

-- name: set_drift_settings
-- Adds to those that are set; keeps the store's other settings.
UPDATE stores SET settings = settings || jsonb_build_object('drift', coalesce(settings -> 'drift', '{}') || %(settings)s::jsonb)
 WHERE id = %(store_id)s

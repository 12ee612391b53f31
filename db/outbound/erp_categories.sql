-- name: get_category_states
-- What decides whether a record is new, changed, unchanged or stale.
SELECT category_id, version, content_hash
  FROM erp_categories
 WHERE store_id = %(store_id)s AND category_id = ANY (%(category_ids)s::uuid[])

-- name: upsert_erp_category
-- A record without a version keeps the stored one; what the shop has of the category is kept, too.
INSERT INTO erp_categories AS stored (store_id, category_id, name, parent_id, version, content_hash)
VALUES (%(store_id)s, %(category_id)s, %(name)s, %(parent_id)s, %(version)s, %(content_hash)s)
    ON CONFLICT (store_id, category_id) DO UPDATE SET
       name = EXCLUDED.name, parent_id = EXCLUDED.parent_id, version = coalesce(EXCLUDED.version, stored.version),
       content_hash = EXCLUDED.content_hash, updated_at = clock_timestamp()

-- name: list_erp_categories
-- All categories of the store, with what the shop has of them.
SELECT category_id, name, parent_id, content_hash, wc_category_id, sent_hash FROM erp_categories WHERE store_id = %(store_id)s

-- name: save_sent_category
-- A change that came meanwhile stays visible: its content hash differs from the hash that was sent.
UPDATE erp_categories SET wc_category_id = %(wc_category_id)s, sent_hash = %(sent_hash)s
 WHERE store_id = %(store_id)s AND category_id = %(category_id)s

-- name: forget_sent_categories
-- These categories count as never sent; WooCommerce's ids stay.
UPDATE erp_categories SET sent_hash = NULL WHERE store_id = %(store_id)s AND category_id = ANY (%(category_ids)s::uuid[])

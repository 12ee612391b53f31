-- name: get_category_states
-- What decides whether a category that arrives is new, changed, unchanged or stale.
SELECT category_id, version, content_hash
  FROM erp_categories
 WHERE store_id = %(store_id)s AND category_id = ANY (%(category_ids)s::uuid[])

-- name: upsert_erp_category
-- A version once known stays until a higher one comes; what the shop knows of it stays too.
INSERT INTO erp_categories AS stored (store_id, category_id, name, parent_id, version, content_hash)
VALUES (%(store_id)s, %(category_id)s, %(name)s, %(parent_id)s, %(version)s, %(content_hash)s)
    ON CONFLICT (store_id, category_id) DO UPDATE SET
       name = EXCLUDED.name, parent_id = EXCLUDED.parent_id, version = coalesce(EXCLUDED.version, stored.version),
       content_hash = EXCLUDED.content_hash, updated_at = clock_timestamp()

-- name: list_erp_categories
-- All categories of the store, with what the shop has of them.
SELECT category_id, name, parent_id, content_hash, wc_category_id, sent_hash FROM erp_categories WHERE store_id = %(store_id)s

-- name: save_sent_category
-- What the shop has now; a change that came meanwhile shows as a hash that differs.
UPDATE erp_categories SET wc_category_id = %(wc_category_id)s, sent_hash = %(sent_hash)s
 WHERE store_id = %(store_id)s AND category_id = %(category_id)s

-- name: forget_sent_category
-- The shop no longer has it; only where it is still the same.
UPDATE erp_categories SET wc_category_id = NULL, sent_hash = NULL
 WHERE store_id = %(store_id)s AND category_id = %(category_id)s AND wc_category_id = %(wc_category_id)s

-- name: forget_sent_categories
-- What the shop has of these categories counts as never sent; which of its categories they are stays.
UPDATE erp_categories SET sent_hash = NULL WHERE store_id = %(store_id)s AND category_id = ANY (%(category_ids)s::uuid[])

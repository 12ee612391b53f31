-- name: get_item
-- No row for an unknown id or another tenant's.
SELECT id, product_id, category_id, wc_id, sync_type, status, requests, force, attempts, max_attempts, next_attempt_at,
       last_attempt, error_code, error_message, retryable, due_at, completed_at, breach, batch_id, hold_id, created_at,
       updated_at
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND id = %(item_id)s

-- name: list_failed_items
-- Newest first, before the cursor.
SELECT id, product_id, category_id, wc_id, sync_type, status, requests, force, attempts, max_attempts, next_attempt_at,
       last_attempt, error_code, error_message, retryable, due_at, completed_at, breach, batch_id, hold_id, created_at,
       updated_at
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed'
   AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s)
   AND (%(before)s::uuid IS NULL OR id < %(before)s)
 ORDER BY id DESC
 LIMIT %(most)s

-- name: count_items
-- One row per type and status of this store's items, with the oldest that still waits.
SELECT sync_type, status, count(*), count(*) FILTER (WHERE status IN ('pending', 'syncing') AND due_at < now()),
       min(created_at) FILTER (WHERE status IN ('pending', 'syncing'))
  FROM wc_sync_items
 WHERE store_id = %(store_id)s
 GROUP BY sync_type, status

-- name: count_breaches
-- One row per type and cause of the deadlines that were missed.
SELECT sync_type, breach, count(*)
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND breach IS NOT NULL
 GROUP BY sync_type, breach

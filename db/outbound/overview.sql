-- name: count_open_items
-- One row per type with open or failed items: how many wait, are overdue, failed and are held. Does not read completed items.
SELECT sync_type,
       count(*) FILTER (WHERE status IN ('pending', 'syncing')) AS waiting,
       count(*) FILTER (WHERE status IN ('pending', 'syncing') AND due_at < now()) AS overdue,
       min(created_at) FILTER (WHERE status IN ('pending', 'syncing')) AS oldest,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'needs_approval') AS held
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status IN ('pending', 'syncing', 'failed', 'needs_approval')
 GROUP BY sync_type
 ORDER BY min(priority)

-- name: page_waiting_items
-- In the order in which they are claimed, after the cursor.
SELECT id, product_id, category_id, sync_type, priority, status, attempts, max_attempts, created_at, due_at,
       next_attempt_at, error_message
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'pending'
   AND (%(after_id)s::uuid IS NULL
        OR (priority, created_at, id) > (%(after_priority)s::smallint, %(after_created)s::timestamptz, %(after_id)s::uuid))
 ORDER BY priority, created_at, id
 LIMIT %(most)s

-- name: list_items_being_sent
-- Items that are being sent.
SELECT id, product_id, category_id, sync_type, priority, status, attempts, max_attempts, created_at, due_at,
       next_attempt_at, error_message
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'syncing'
 ORDER BY priority, created_at, id
 LIMIT %(most)s

-- name: list_failed_groups
-- Failed items by type and error code, the largest group first.
SELECT sync_type, error_code, count(*) AS items, bool_or(retryable) AS retryable, max(error_message) AS message,
       max(completed_at) AS newest
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed'
 GROUP BY sync_type, error_code
 ORDER BY items DESC, sync_type, error_code
 LIMIT %(most)s

-- name: list_failed_group
-- The newest items of one group.
SELECT id, product_id, category_id, sync_type, priority, status, attempts, max_attempts, created_at, due_at,
       next_attempt_at, error_message
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed' AND sync_type = %(sync_type)s AND error_code = %(error_code)s
 ORDER BY id DESC
 LIMIT %(most)s

-- name: lock_failed_group
-- All items of one group, for a retry; skips locked ones.
SELECT id
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed' AND sync_type = %(sync_type)s AND error_code = %(error_code)s
   FOR UPDATE SKIP LOCKED

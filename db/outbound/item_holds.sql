-- name: list_reopenable_items
-- All failed items, or those that failed for a passing reason a while ago; skips locked ones. What a person rejected stays.
SELECT id
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed' AND error_code <> %(rejected)s
   AND (%(everything)s OR (retryable AND last_attempt < now() - make_interval(secs => %(rest_seconds)s)))
   FOR UPDATE SKIP LOCKED

-- name: list_held_items
-- The items of a hold, locked.
SELECT id FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'needs_approval' AND hold_id = %(hold_id)s FOR UPDATE

-- name: list_held_of_products
-- The held items of these products, locked.
SELECT id
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[]) AND status = 'needs_approval'
   FOR UPDATE

-- name: reject_items
-- Only held items. After a retry by hand they are checked by the brakes again.
UPDATE wc_sync_items
   SET status = 'failed', hold_id = NULL, error_code = %(code)s, error_message = %(message)s, retryable = false,
       completed_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND hold_id = %(hold_id)s AND status = 'needs_approval'
RETURNING batch_id, product_id, sync_type, payload -> 'fields'

-- name: reopen_items
-- Of several items for one change, the newest waits again, with all attempts, unless one waits already; the others are
-- superseded. Never changes an item that is pending, claimed or completed.
WITH chosen AS MATERIALIZED (
    SELECT i.id,
           row_number() OVER (PARTITION BY i.product_id, i.category_id, i.sync_type ORDER BY i.created_at DESC, i.id DESC) = 1
           AND (coalesce(i.product_id, i.category_id), i.product_id IS NULL, i.sync_type)
               NOT IN (SELECT coalesce(w.product_id, w.category_id), w.product_id IS NULL, w.sync_type
                         FROM wc_sync_items w
                        WHERE w.store_id = %(store_id)s AND w.status = 'pending') AS goes_on
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.id = ANY (%(ids)s::uuid[]) AND i.status IN ('failed', 'needs_approval')
)
UPDATE wc_sync_items i
   SET status = CASE WHEN c.goes_on THEN 'pending' ELSE 'superseded' END,
       approved = i.approved OR %(approved)s, checked_by_brakes = %(approved)s, hold_id = NULL, attempts = 0,
       next_attempt_at = clock_timestamp(), error_code = NULL, error_message = NULL, retryable = NULL, breach = NULL,
       completed_at = CASE WHEN c.goes_on THEN NULL ELSE clock_timestamp() END, updated_at = clock_timestamp()
  FROM chosen c, wc_sync_items old
 WHERE i.store_id = %(store_id)s AND i.id = c.id AND old.store_id = i.store_id AND old.id = i.id
RETURNING i.batch_id, old.status = 'failed', i.status = 'pending'

-- name: approve_waiting
-- An item that waits for the same change as an approved one passes the brakes, too.
UPDATE wc_sync_items
   SET approved = true, checked_by_brakes = true, updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND status = 'pending' AND product_id IS NOT NULL
   AND CASE WHEN (product_id, sync_type) IN (SELECT held.product_id, held.sync_type
                                               FROM wc_sync_items held
                                              WHERE held.store_id = %(store_id)s AND held.id = ANY (%(ids)s::uuid[])
                                                AND held.product_id IS NOT NULL) THEN true ELSE false END

-- name: supersede_held
-- A held item for which a newer one of its product and type waits; arrays, because a join's plan relies on old statistics.
UPDATE wc_sync_items i
   SET status = 'superseded', hold_id = NULL, completed_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE i.store_id = %(store_id)s AND i.status = 'needs_approval' AND i.product_id IS NOT NULL
   AND CASE WHEN (i.product_id, i.sync_type) IN (SELECT w.product_id, w.sync_type
                                                   FROM wc_sync_items w
                                                  WHERE w.store_id = %(store_id)s AND w.status = 'pending'
                                                    AND w.product_id IS NOT NULL) THEN true ELSE false END
RETURNING i.batch_id

-- name: hold_items
-- Only pending items.
UPDATE wc_sync_items
   SET status = 'needs_approval', hold_id = %(hold_id)s, updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND id = ANY (%(ids)s::uuid[]) AND status = 'pending'

-- name: has_unchecked
-- Whether a pending item was not checked by the brakes yet (`checked_by_brakes` is false).
SELECT EXISTS (SELECT FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'pending' AND NOT checked_by_brakes)

-- name: mark_checked
-- Locks the items; a change that joins one of them afterwards resets `checked_by_brakes`. While other products must still be looked up,
-- adopted ones stay unchecked: brakes weigh them all together.
UPDATE wc_sync_items i
   SET checked_by_brakes = true
 WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND NOT i.checked_by_brakes
   AND NOT (%(lookups_open)s
            AND i.product_id IS NOT NULL
            AND EXISTS (SELECT FROM wc_product_sync_mappings m
                         WHERE m.store_id = i.store_id AND m.internal_product_id = i.product_id AND m.sync_status = 'adopted'))

-- name: recheck_products
-- Brakes check the open items of these products again, also approved ones: a person approved other values, or none. A claimed
-- item goes on, and is checked again if it comes back.
UPDATE wc_sync_items
   SET checked_by_brakes = false, approved = false, updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[]) AND status IN ('pending', 'syncing')
   AND (checked_by_brakes OR approved)

-- name: list_item_products
-- The products of these items.
SELECT DISTINCT product_id FROM wc_sync_items WHERE store_id = %(store_id)s AND id = ANY (%(ids)s::uuid[]) AND product_id IS NOT NULL

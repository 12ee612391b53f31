-- name: next_is_category
-- Whether the next item is a category's; no row if nothing is due.
SELECT i.category_id IS NOT NULL
  FROM wc_sync_items i
 WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.checked_by_brakes AND i.next_attempt_at <= clock_timestamp()
   AND (i.product_id IS NULL
        OR i.product_id <> ALL (ARRAY(SELECT s.product_id FROM wc_sync_items s
                                       WHERE s.store_id = %(store_id)s AND s.status = 'syncing' AND s.product_id IS NOT NULL)))
 ORDER BY i.priority, i.created_at, i.id
 LIMIT 1

-- name: claim_product_items
-- The first products by priority, then age, each with all its due items; never a product that another claim holds, nor a variation of
-- one, which may not be there yet.
-- Materialised, because a join may run a subquery with LIMIT and SKIP LOCKED twice and pick other rows the second time.
-- Arrays instead of joins, because a join's plan relies on statistics from before ten thousand items came in.
WITH first AS MATERIALIZED (
    SELECT i.product_id, i.priority, i.created_at, i.id
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.checked_by_brakes AND i.product_id IS NOT NULL
       AND i.next_attempt_at <= clock_timestamp()
       AND i.product_id <> ALL (ARRAY(SELECT s.product_id FROM wc_sync_items s
                                       WHERE s.store_id = %(store_id)s AND s.status = 'syncing' AND s.product_id IS NOT NULL))
       AND i.product_id <> ALL (ARRAY(SELECT v.product_id FROM erp_products v
                                       WHERE v.store_id = %(store_id)s
                                         AND v.parent_id = ANY (ARRAY(SELECT s.product_id FROM wc_sync_items s
                                                                       WHERE s.store_id = %(store_id)s AND s.status = 'syncing'
                                                                         AND s.product_id IS NOT NULL))))
     ORDER BY i.priority, i.created_at, i.id
     LIMIT %(looked_at)s
), placed AS (
    SELECT product_id, row_number() OVER (ORDER BY priority, created_at, id) AS place FROM first
), picked AS MATERIALIZED (
    SELECT product_id FROM placed GROUP BY product_id ORDER BY min(place) LIMIT %(most)s
), free AS MATERIALIZED (
    SELECT i.id
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.product_id = ANY (ARRAY(SELECT product_id FROM picked))
       AND i.status = 'pending' AND i.checked_by_brakes AND i.next_attempt_at <= clock_timestamp()
       FOR UPDATE SKIP LOCKED
)
UPDATE wc_sync_items i
   SET status = 'syncing', claim_id = %(claim_id)s, claimed_by = %(holder)s, attempts = i.attempts + 1,
       last_attempt = clock_timestamp(), updated_at = clock_timestamp()
 WHERE i.store_id = %(store_id)s AND i.id = ANY (ARRAY(SELECT id FROM free))
RETURNING i.id, i.product_id, i.category_id, i.sync_type, i.priority, i.force, i.approved, i.attempts, i.max_attempts,
          i.batch_id, i.created_at, i.due_at, i.platform_seconds, i.backoff_seconds, i.validation_seconds, i.error_code,
          i.payload -> 'fields' AS only_fields

-- name: claim_category_items
-- The oldest categories that are due.
WITH picked AS MATERIALIZED (
    SELECT i.id
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.checked_by_brakes AND i.category_id IS NOT NULL
       AND i.next_attempt_at <= clock_timestamp()
     ORDER BY i.priority, i.created_at, i.id
     LIMIT %(most)s
       FOR UPDATE SKIP LOCKED
)
UPDATE wc_sync_items i
   SET status = 'syncing', claim_id = %(claim_id)s, claimed_by = %(holder)s, attempts = i.attempts + 1,
       last_attempt = clock_timestamp(), updated_at = clock_timestamp()
  FROM picked
 WHERE i.store_id = %(store_id)s AND i.id = picked.id
RETURNING i.id, i.product_id, i.category_id, i.sync_type, i.priority, i.force, i.approved, i.attempts, i.max_attempts,
          i.batch_id, i.created_at, i.due_at, i.platform_seconds, i.backoff_seconds, i.validation_seconds, i.error_code,
          i.payload -> 'fields' AS only_fields

-- name: complete_items
-- Only items that this claim still holds: a process that lost its lease completes nothing.
UPDATE wc_sync_items i
   SET status = 'completed', claim_id = NULL, claimed_by = NULL, wc_id = d.wc_id, error_code = NULL, error_message = NULL,
       retryable = NULL, completed_at = clock_timestamp(), updated_at = clock_timestamp(), breach = d.breach,
       platform_seconds = i.platform_seconds + %(platform)s, validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(wc_ids)s::bigint[], %(breaches)s::text[]) d (id, wc_id, breach)
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = %(claim_id)s AND i.status = 'syncing'
RETURNING i.batch_id

-- name: fail_items
-- Only items that this claim still holds. Saves the reason, and whether a retry may help.
UPDATE wc_sync_items i
   SET status = 'failed', claim_id = NULL, claimed_by = NULL, error_code = d.code, error_message = d.message,
       retryable = d.retryable, completed_at = clock_timestamp(), updated_at = clock_timestamp(), breach = d.breach,
       platform_seconds = i.platform_seconds + %(platform)s, validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(codes)s::text[], %(messages)s::text[], %(retryables)s::boolean[], %(breaches)s::text[])
       d (id, code, message, retryable, breach)
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = %(claim_id)s AND i.status = 'syncing'
RETURNING i.batch_id

-- name: absorb_items
-- A waiting item takes over the place, deadline and force of the returned item that it supersedes. Arrays pick the waiting
-- items first: with outdated statistics, a join reads all of them once per returned item.
WITH back AS MATERIALIZED (
    SELECT id, product_id, category_id, sync_type, created_at, due_at, force, batch_id
      FROM wc_sync_items
     WHERE store_id = %(store_id)s AND id = ANY (%(ids)s::uuid[])
), rival AS MATERIALIZED (
    SELECT id, product_id, category_id, sync_type
      FROM wc_sync_items
     WHERE store_id = %(store_id)s AND status = 'pending'
       AND product_id = ANY (ARRAY(SELECT product_id FROM back WHERE product_id IS NOT NULL))
    UNION ALL
    SELECT id, product_id, category_id, sync_type
      FROM wc_sync_items
     WHERE store_id = %(store_id)s AND status = 'pending'
       AND category_id = ANY (ARRAY(SELECT category_id FROM back WHERE category_id IS NOT NULL))
)
UPDATE wc_sync_items waiting
   SET created_at = least(waiting.created_at, back.created_at), due_at = least(waiting.due_at, back.due_at),
       force = waiting.force OR back.force, batch_id = coalesce(waiting.batch_id, back.batch_id),
       updated_at = clock_timestamp()
  FROM back
  JOIN rival ON rival.sync_type = back.sync_type AND rival.id <> back.id
   AND (rival.product_id = back.product_id OR rival.category_id = back.category_id)
 WHERE waiting.store_id = %(store_id)s AND waiting.id = rival.id

-- name: return_items
-- An item waits again, or is superseded if a newer one of the same kind waits already. Only items that the claim still holds;
-- `spent` false gives the attempt back. The last column: whether the superseded item counts as a result of its run, which is
-- false if the waiting item took over the run.
WITH back AS MATERIALIZED (
    SELECT i.id,
           (coalesce(i.product_id, i.category_id), i.product_id IS NULL, i.sync_type)
           IN (SELECT coalesce(w.product_id, w.category_id), w.product_id IS NULL, w.sync_type
                 FROM wc_sync_items w
                WHERE w.store_id = %(store_id)s AND w.status = 'pending') AS is_superseded,
           (coalesce(i.product_id, i.category_id), i.product_id IS NULL, i.sync_type, i.batch_id)
           IN (SELECT coalesce(w.product_id, w.category_id), w.product_id IS NULL, w.sync_type, w.batch_id
                 FROM wc_sync_items w
                WHERE w.store_id = %(store_id)s AND w.status = 'pending' AND w.batch_id IS NOT NULL) AS hands_on
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.id = ANY (%(ids)s::uuid[])
)
UPDATE wc_sync_items i
   SET status = CASE WHEN back.is_superseded THEN 'superseded' ELSE 'pending' END,
       claim_id = NULL, claimed_by = NULL, error_code = d.code, error_message = d.message,
       attempts = i.attempts - CASE WHEN d.spent THEN 0 ELSE 1 END,
       next_attempt_at = clock_timestamp() + make_interval(secs => d.delay),
       completed_at = CASE WHEN back.is_superseded THEN clock_timestamp() END, updated_at = clock_timestamp(),
       platform_seconds = i.platform_seconds + %(platform)s, backoff_seconds = i.backoff_seconds + d.delay + d.paused,
       validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(claim_ids)s::uuid[], %(codes)s::text[], %(messages)s::text[], %(delays)s::float8[],
              %(pauses)s::float8[], %(spents)s::boolean[]) d (id, claim_id, code, message, delay, paused, spent)
  JOIN back ON back.id = d.id
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = d.claim_id AND i.status = 'syncing'
RETURNING i.batch_id, i.status = 'superseded' AND back.hands_on IS NOT TRUE

-- name: holds_claim
-- Whether the claim still holds its items; another process takes over all of them at once.
SELECT EXISTS (SELECT FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'syncing' AND claim_id = %(claim_id)s)

-- name: list_orphaned_items
-- Items claimed by a process that no longer sends for this store, locked.
SELECT id, claim_id, attempts, product_id, category_id, sync_type
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'syncing' AND claimed_by <> %(holder)s
   FOR UPDATE

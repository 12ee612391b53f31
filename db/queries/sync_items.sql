-- name: lock_items
-- One who asks for items or moves them at a time in a store, so that nobody waits for another in a circle; freed with the
-- transaction.
SELECT pg_advisory_xact_lock(hashtextextended('sync items ' || %(store_id)s::text, 0))

-- name: request_product_items
-- A change joins the item of its kind that still waits for that product, and what a person approved was not this: brakes look
-- again. In key order, so that two writers can't deadlock.
INSERT INTO wc_sync_items AS waiting (store_id, id, product_id, sync_type, priority, status, payload, force, batch_id, due_at)
SELECT %(store_id)s, n.id, n.product_id, n.sync_type, n.priority, 'pending', %(payload)s, %(force)s, %(batch_id)s,
       now() + make_interval(secs => n.sla_seconds)
  FROM unnest(%(ids)s::uuid[], %(product_ids)s::uuid[], %(sync_types)s::text[], %(priorities)s::smallint[],
              %(sla_seconds)s::float8[]) n (id, product_id, sync_type, priority, sla_seconds)
 ORDER BY n.product_id, n.sync_type
    ON CONFLICT (store_id, product_id, sync_type) WHERE status = 'pending' AND product_id IS NOT NULL DO UPDATE SET
       requests = waiting.requests + 1, force = waiting.force OR EXCLUDED.force, weighed = false, approved = false,
       batch_id = coalesce(waiting.batch_id, EXCLUDED.batch_id), updated_at = clock_timestamp()
RETURNING id

-- name: request_category_items
-- As for products; a category has one kind of item.
INSERT INTO wc_sync_items AS waiting (store_id, id, category_id, sync_type, priority, status, payload, force, batch_id, due_at)
SELECT %(store_id)s, n.id, n.category_id, 'category', %(priority)s, 'pending', %(payload)s, %(force)s, %(batch_id)s,
       now() + make_interval(secs => %(sla_seconds)s)
  FROM unnest(%(ids)s::uuid[], %(category_ids)s::uuid[]) n (id, category_id)
 ORDER BY n.category_id
    ON CONFLICT (store_id, category_id) WHERE status = 'pending' AND category_id IS NOT NULL DO UPDATE SET
       requests = waiting.requests + 1, force = waiting.force OR EXCLUDED.force, weighed = false, approved = false,
       batch_id = coalesce(waiting.batch_id, EXCLUDED.batch_id), updated_at = clock_timestamp()
RETURNING id

-- name: next_is_category
-- Whether the item whose turn it is belongs to a category; no row where nothing is due.
SELECT i.category_id IS NOT NULL
  FROM wc_sync_items i
 WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.weighed AND i.next_attempt_at <= clock_timestamp()
   AND (i.product_id IS NULL
        OR i.product_id <> ALL (ARRAY(SELECT s.product_id FROM wc_sync_items s
                                       WHERE s.store_id = %(store_id)s AND s.status = 'syncing' AND s.product_id IS NOT NULL)))
 ORDER BY i.priority, i.created_at, i.id
 LIMIT 1

-- name: claim_product_items
-- The first products by priority, then age, each with all that is due for it; never a product that another call carries.
-- Picked in materialised steps: a join may run a subquery with LIMIT and SKIP LOCKED again, and then it picks others. Arrays
-- and not joins: a join's plan is made for a table that looked otherwise before ten thousand items came in.
WITH first AS MATERIALIZED (
    SELECT i.product_id, i.priority, i.created_at, i.id
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.weighed AND i.product_id IS NOT NULL
       AND i.next_attempt_at <= clock_timestamp()
       AND i.product_id <> ALL (ARRAY(SELECT s.product_id FROM wc_sync_items s
                                       WHERE s.store_id = %(store_id)s AND s.status = 'syncing' AND s.product_id IS NOT NULL))
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
       AND i.status = 'pending' AND i.weighed AND i.next_attempt_at <= clock_timestamp()
       FOR UPDATE SKIP LOCKED
)
UPDATE wc_sync_items i
   SET status = 'syncing', claim_id = %(claim_id)s, claimed_by = %(holder)s, attempts = i.attempts + 1,
       last_attempt = clock_timestamp(), updated_at = clock_timestamp()
 WHERE i.store_id = %(store_id)s AND i.id = ANY (ARRAY(SELECT id FROM free))
RETURNING i.id, i.product_id, i.category_id, i.sync_type, i.priority, i.force, i.approved, i.attempts, i.max_attempts,
          i.batch_id, i.created_at, i.due_at, i.platform_seconds, i.backoff_seconds, i.validation_seconds

-- name: claim_category_items
-- The oldest categories that are due.
WITH picked AS MATERIALIZED (
    SELECT i.id
      FROM wc_sync_items i
     WHERE i.store_id = %(store_id)s AND i.status = 'pending' AND i.weighed AND i.category_id IS NOT NULL
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
          i.batch_id, i.created_at, i.due_at, i.platform_seconds, i.backoff_seconds, i.validation_seconds

-- name: complete_items
-- Only what this very call still holds: a process that lost its lease completes nothing.
UPDATE wc_sync_items i
   SET status = 'completed', claim_id = NULL, claimed_by = NULL, wc_id = d.wc_id, error_code = NULL, error_message = NULL,
       retryable = NULL, completed_at = clock_timestamp(), updated_at = clock_timestamp(), breach = d.breach,
       platform_seconds = i.platform_seconds + %(platform)s, validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(wc_ids)s::bigint[], %(breaches)s::text[]) d (id, wc_id, breach)
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = %(claim_id)s AND i.status = 'syncing'
RETURNING i.batch_id

-- name: fail_items
-- Only what this very call still holds. A failed item says why, and whether trying again may help.
UPDATE wc_sync_items i
   SET status = 'failed', claim_id = NULL, claimed_by = NULL, error_code = d.code, error_message = d.message,
       retryable = d.retryable, completed_at = clock_timestamp(), updated_at = clock_timestamp(), breach = d.breach,
       platform_seconds = i.platform_seconds + %(platform)s, validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(codes)s::text[], %(messages)s::text[], %(retryables)s::boolean[], %(breaches)s::text[])
       d (id, code, message, retryable, breach)
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = %(claim_id)s AND i.status = 'syncing'
RETURNING i.batch_id

-- name: absorb_items
-- Whoever waits behind an item that goes back to wait takes over its place, deadline and force. Those that wait are picked by
-- arrays first: a join's plan, made for a table that looked otherwise, reads all that wait once for each item.
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
-- Back to wait, unless something newer of the same kind waits already: then that one stands for both. Only what this very
-- call still holds. `spent` false gives the attempt back. What waits is read, and looked up by its hash. The last column: whether
-- a run has its result by that, and not by the one that waits, which may have taken over the run.
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
       platform_seconds = i.platform_seconds + %(platform)s, backoff_seconds = i.backoff_seconds + d.delay,
       validation_seconds = i.validation_seconds + %(validation)s
  FROM unnest(%(ids)s::uuid[], %(claim_ids)s::uuid[], %(codes)s::text[], %(messages)s::text[], %(delays)s::float8[],
              %(spents)s::boolean[]) d (id, claim_id, code, message, delay, spent)
  JOIN back ON back.id = d.id
 WHERE i.store_id = %(store_id)s AND i.id = d.id AND i.claim_id = d.claim_id AND i.status = 'syncing'
RETURNING i.batch_id, i.status = 'superseded' AND back.hands_on IS NOT TRUE

-- name: holds_claim
-- Whether this call still has its items in hand; they are taken from it all at once.
SELECT EXISTS (SELECT FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'syncing' AND claim_id = %(claim_id)s)

-- name: list_orphaned_items
-- What a process that no longer sends for this store left in hand.
SELECT id, claim_id, attempts, product_id, category_id, sync_type
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'syncing' AND claimed_by <> %(holder)s
   FOR UPDATE

-- name: list_reopenable_items
-- Failed items that may be tried again: all of them, or only those that failed for a passing reason a while ago.
SELECT id
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND status = 'failed'
   AND (%(everything)s OR (retryable AND last_attempt < now() - make_interval(secs => %(rest_seconds)s)))
   FOR UPDATE SKIP LOCKED

-- name: list_held_items
-- What waits for approval.
SELECT id FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'needs_approval' AND hold_id = %(hold_id)s FOR UPDATE

-- name: reject_items
-- Only what waits for approval. A retry by hand lets it wait again, and brakes look at it again.
UPDATE wc_sync_items
   SET status = 'failed', hold_id = NULL, error_code = %(code)s, error_message = %(message)s, retryable = false,
       completed_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND hold_id = %(hold_id)s AND status = 'needs_approval'
RETURNING batch_id

-- name: reopen_items
-- Ended or held items wait again with their attempts anew: of several for one change the newest, and none where one waits
-- already; the others are superseded. Never an item that is pending, in hand or completed.
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
       approved = i.approved OR %(approved)s, weighed = %(approved)s, hold_id = NULL, attempts = 0,
       next_attempt_at = clock_timestamp(), error_code = NULL, error_message = NULL, retryable = NULL, breach = NULL,
       completed_at = CASE WHEN c.goes_on THEN NULL ELSE clock_timestamp() END, updated_at = clock_timestamp()
  FROM chosen c, wc_sync_items old
 WHERE i.store_id = %(store_id)s AND i.id = c.id AND old.store_id = i.store_id AND old.id = i.id
RETURNING i.batch_id, old.status = 'failed', i.status = 'pending'

-- name: approve_waiting
-- What waits beside an approved item for the same change passes brakes too.
UPDATE wc_sync_items
   SET approved = true, weighed = true, updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND status = 'pending' AND product_id IS NOT NULL
   AND CASE WHEN (product_id, sync_type) IN (SELECT held.product_id, held.sync_type
                                               FROM wc_sync_items held
                                              WHERE held.store_id = %(store_id)s AND held.id = ANY (%(ids)s::uuid[])
                                                AND held.product_id IS NOT NULL) THEN true ELSE false END

-- name: hold_items
-- Only what still waits.
UPDATE wc_sync_items
   SET status = 'needs_approval', hold_id = %(hold_id)s, updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND id = ANY (%(ids)s::uuid[]) AND status = 'pending'

-- name: has_unweighed
-- Whether something waits that brakes have not seen.
SELECT EXISTS (SELECT FROM wc_sync_items WHERE store_id = %(store_id)s AND status = 'pending' AND NOT weighed)

-- name: mark_weighed
-- Locks what waits unseen; whoever joins such an item afterwards has it weighed again.
UPDATE wc_sync_items SET weighed = true WHERE store_id = %(store_id)s AND status = 'pending' AND NOT weighed

-- name: get_item
-- No row for another tenant's id, as for an unknown one.
SELECT id, product_id, category_id, wc_id, sync_type, status, requests, force, attempts, max_attempts, next_attempt_at,
       last_attempt, error_code, error_message, retryable, due_at, completed_at, breach, batch_id, hold_id, created_at,
       updated_at
  FROM wc_sync_items
 WHERE store_id = %(store_id)s AND id = %(item_id)s

-- name: list_failed_items
-- Newest first, from below the cursor.
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

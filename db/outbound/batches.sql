-- name: insert_batch
-- A run of all products or all categories.
INSERT INTO wc_sync_batches (store_id, id, kind, status, batch_size, started_at)
VALUES (%(store_id)s, %(batch_id)s, %(kind)s, 'syncing', %(batch_size)s, clock_timestamp())

-- name: size_batch
-- Sets the number of items; a run without items is complete at once.
UPDATE wc_sync_batches b
   SET total_items = n.items,
       status = CASE WHEN n.items = 0 THEN 'completed' ELSE b.status END,
       completed_at = CASE WHEN n.items = 0 THEN clock_timestamp() END, updated_at = clock_timestamp()
  FROM (SELECT count(*) AS items FROM wc_sync_items WHERE store_id = %(store_id)s AND batch_id = %(batch_id)s) n
 WHERE b.store_id = %(store_id)s AND b.id = %(batch_id)s

-- name: count_batch_results
-- A run is complete once each of its items succeeded or failed; a retried item opens it again.
UPDATE wc_sync_batches b
   SET success_count = b.success_count + d.succeeded, fail_count = b.fail_count + d.failed,
       status = CASE WHEN b.success_count + d.succeeded + b.fail_count + d.failed >= b.total_items
                     THEN 'completed' ELSE 'syncing' END,
       completed_at = CASE WHEN b.success_count + d.succeeded + b.fail_count + d.failed >= b.total_items
                           THEN clock_timestamp() END,
       updated_at = clock_timestamp()
  FROM (SELECT n.id, n.succeeded, n.failed
          FROM unnest(%(ids)s::uuid[], %(succeeded)s::int[], %(failed)s::int[]) n (id, succeeded, failed)
         ORDER BY n.id) d
 WHERE b.store_id = %(store_id)s AND b.id = d.id

-- name: open_hold
-- A store has one open hold: creates it, or replaces its preview.
INSERT INTO wc_sync_batches AS hold (store_id, id, kind, status, preview)
VALUES (%(store_id)s, %(batch_id)s, 'hold', 'needs_approval', %(preview)s)
    ON CONFLICT (store_id) WHERE kind = 'hold' AND status = 'needs_approval' DO UPDATE SET
       preview = EXCLUDED.preview, updated_at = clock_timestamp()
RETURNING id, xmax = 0

-- name: count_hold
-- How many items the hold has.
UPDATE wc_sync_batches b
   SET total_items = (SELECT count(*) FROM wc_sync_items i WHERE i.store_id = %(store_id)s AND i.hold_id = %(batch_id)s)
 WHERE b.store_id = %(store_id)s AND b.id = %(batch_id)s

-- name: close_hold
-- Only an open hold: approved or rejected by a person, or released because its changes became harmless.
UPDATE wc_sync_batches
   SET status = %(status)s, completed_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND id = %(batch_id)s AND kind = 'hold' AND status = 'needs_approval'

-- name: get_open_hold
-- The store's open hold; no row if there is none.
SELECT id FROM wc_sync_batches WHERE store_id = %(store_id)s AND kind = 'hold' AND status = 'needs_approval'

-- name: get_batch
-- No row for another tenant's id; `held` counts its items that wait for approval.
SELECT b.id, b.kind, b.status, b.batch_size, b.total_items, b.success_count, b.fail_count, b.preview, b.started_at,
       b.completed_at, b.created_at,
       (SELECT count(*) FROM wc_sync_items i
         WHERE i.store_id = b.store_id AND i.batch_id = b.id AND i.status = 'needs_approval') AS held
  FROM wc_sync_batches b
 WHERE b.store_id = %(store_id)s AND b.id = %(batch_id)s

-- name: list_batches
-- The newest runs and holds of this store.
SELECT b.id, b.kind, b.status, b.batch_size, b.total_items, b.success_count, b.fail_count, b.preview, b.started_at,
       b.completed_at, b.created_at,
       (SELECT count(*) FROM wc_sync_items i
         WHERE i.store_id = b.store_id AND i.batch_id = b.id AND i.status = 'needs_approval') AS held
  FROM wc_sync_batches b
 WHERE b.store_id = %(store_id)s
 ORDER BY b.created_at DESC
 LIMIT %(most)s

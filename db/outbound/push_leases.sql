-- name: list_due_stores
-- Stores with due items and without a lease.
SELECT store_id FROM dispatch_outbound(%(most)s)

-- name: take_lease
-- No row if another process has the lease, or the shop asked for a pause.
INSERT INTO wc_push_leases AS lease (store_id, holder, lease_until)
VALUES (%(store_id)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (store_id) DO UPDATE SET holder = EXCLUDED.holder, lease_until = EXCLUDED.lease_until
 WHERE (lease.lease_until IS NULL OR lease.lease_until <= clock_timestamp())
   AND (lease.resume_at IS NULL OR lease.resume_at <= clock_timestamp())
RETURNING holder

-- name: renew_lease
-- No row if the lease ran out, or another process has it.
UPDATE wc_push_leases
   SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE store_id = %(store_id)s AND holder = %(holder)s AND lease_until > clock_timestamp()
RETURNING holder

-- name: hold_lease
-- Locks the lease for this transaction; no row if the holder lost it, or the shop asked for a pause.
SELECT holder
  FROM wc_push_leases
 WHERE store_id = %(store_id)s AND holder = %(holder)s AND lease_until > clock_timestamp()
   AND (resume_at IS NULL OR resume_at <= clock_timestamp())
   FOR UPDATE

-- name: release_lease
-- Never releases another holder's lease. Keeps what was learned of the shop.
UPDATE wc_push_leases
   SET holder = NULL, lease_until = NULL, products_at_once = coalesce(%(products_at_once)s::int, products_at_once)
 WHERE store_id = %(store_id)s AND holder = %(holder)s

-- name: get_pace
-- What was learned of the shop, and the store's own limit; NULL for what is not known. No row for another store's id.
SELECT l.products_at_once, (s.settings -> 'pace' ->> 'calls_at_once')::int AS calls_limit
  FROM stores s
  LEFT JOIN wc_push_leases l ON l.store_id = s.id
 WHERE s.id = %(store_id)s

-- name: set_calls_limit
-- Leaves the store's other settings alone.
UPDATE stores SET settings = settings || jsonb_build_object('pace', jsonb_build_object('calls_at_once', %(calls)s::int))
 WHERE id = %(store_id)s

-- name: count_failure
-- Calls that fail together are one failure: it counts only if there is no pause yet.
UPDATE wc_push_leases
   SET failures_in_a_row = failures_in_a_row + (resume_at IS NULL OR resume_at <= clock_timestamp())::int
 WHERE store_id = %(store_id)s
RETURNING failures_in_a_row

-- name: forget_failures
-- Writes only if there were failures, and leaves a pause alone that another call has just caused.
UPDATE wc_push_leases
   SET failures_in_a_row = 0
 WHERE store_id = %(store_id)s AND failures_in_a_row > 0 AND (resume_at IS NULL OR resume_at <= clock_timestamp())

-- name: get_failures
-- How often the shop failed in a row; no row if nothing was ever sent to it.
SELECT failures_in_a_row FROM wc_push_leases WHERE store_id = %(store_id)s

-- name: pause_store
-- Never shortens a pause.
UPDATE wc_push_leases
   SET resume_at = greatest(resume_at, clock_timestamp() + make_interval(secs => %(seconds)s))
 WHERE store_id = %(store_id)s

-- name: list_backlog
-- Counts and times by store and type; no other data of a tenant.
SELECT store_id, sync_type, waiting, overdue, oldest_created_at FROM count_outbound_backlog()

-- name: prune_items
-- Never an item that is still open.
SELECT dispatch_prune_outbound_items(make_interval(days => %(days)s), %(most)s)

-- name: prune_runs
-- Never an open run or hold, nor one that still has items.
SELECT dispatch_prune_outbound_batches(make_interval(days => %(days)s), %(most)s)

-- name: list_due_tasks
-- Ids of stores and names of tasks; no other data of a tenant.
SELECT store_id, task FROM list_due_outbound_tasks(%(most)s)

-- name: plan_task
-- Keeps an existing plan. Checks for it first, because ON CONFLICT would wait for a dispatcher that holds the row's lock.
INSERT INTO wc_schedules (store_id, task, next_run_at)
SELECT %(store_id)s, %(task)s, %(next_run_at)s
 WHERE NOT EXISTS (SELECT FROM wc_schedules WHERE store_id = %(store_id)s AND task = %(task)s)
    ON CONFLICT (store_id, task) DO NOTHING

-- name: claim_task
-- Each run is claimed by one dispatcher. No row if it is not due; skips a locked row, because a run can take long.
UPDATE wc_schedules planned
   SET next_run_at = %(next_run_at)s
  FROM (SELECT store_id, task
          FROM wc_schedules
         WHERE store_id = %(store_id)s AND task = %(task)s AND next_run_at <= clock_timestamp()
           FOR UPDATE SKIP LOCKED) due
 WHERE planned.store_id = due.store_id AND planned.task = due.task
RETURNING planned.task

-- name: put_schedule
-- One per store and entity: a new one replaces the old one.
INSERT INTO schedules (store_id, entity, mode, stale_after_mins, cron, every_seconds, next_run_at)
VALUES (%(store_id)s, %(entity)s, %(mode)s, %(stale_after_mins)s, %(cron)s, %(every_seconds)s, %(next_run_at)s)
    ON CONFLICT (store_id, entity) DO UPDATE SET
       mode = EXCLUDED.mode, stale_after_mins = EXCLUDED.stale_after_mins, cron = EXCLUDED.cron,
       every_seconds = EXCLUDED.every_seconds, next_run_at = EXCLUDED.next_run_at

-- name: list_schedules
-- At most three rows.
SELECT entity, mode, stale_after_mins, cron, every_seconds, next_run_at, last_run_at, last_log_id
  FROM schedules
 WHERE store_id = %(store_id)s
 ORDER BY entity

-- name: delete_schedule
-- A run that it started continues.
DELETE FROM schedules WHERE store_id = %(store_id)s AND entity = %(entity)s

-- name: list_due_schedules
-- Ids only, of all stores.
SELECT store_id, entity FROM list_due_schedules(%(most)s)

-- name: claim_schedule
-- Locks a schedule that is still due. No row if another dispatcher has its tick.
SELECT entity, mode, stale_after_mins, cron, every_seconds, next_run_at, last_run_at, last_log_id
  FROM schedules
 WHERE store_id = %(store_id)s AND entity = %(entity)s AND next_run_at <= clock_timestamp()
   FOR UPDATE SKIP LOCKED

-- name: mark_tick
-- Part of the transaction that started the run. One run makes up for any number of missed ticks.
UPDATE schedules SET last_run_at = next_run_at, next_run_at = %(next_run_at)s, last_log_id = %(log_id)s
 WHERE store_id = %(store_id)s AND entity = %(entity)s

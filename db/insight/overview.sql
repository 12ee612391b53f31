-- name: count_finished
-- Logs that ended since then, by time step and status. Reads one index.
SELECT date_bin(make_interval(secs => %(step)s), finished_at, %(since)s) AS began_at, status, count(*) AS logs,
       sum(records_synced) AS synced, sum(records_skipped) AS skipped
  FROM sync_logs
 WHERE store_id = %(store_id)s AND finished_at >= %(since)s
 GROUP BY 1, 2

-- name: count_finished_of_all
-- The same over all stores.
SELECT began_at, status, logs, synced, skipped FROM count_finished_of_all(%(since)s, make_interval(secs => %(step)s))

-- name: list_open_logs
-- Admitted and paused logs, and the oldest of the waiting ones.
SELECT id, accepted_seq, entity, source, mode, status, phase, received, inserted, updated, unchanged, stale, invalid,
       existing, records_synced, records_skipped, attempts, next_attempt_at, accepted_at, started_at, finished_at,
       error_code, error_message, request_id
  FROM (SELECT * FROM (SELECT * FROM sync_logs
                        WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NOT NULL
                        ORDER BY next_attempt_at LIMIT %(most)s) admitted
         UNION ALL
        SELECT * FROM sync_logs WHERE store_id = %(store_id)s AND queue = 'pull' AND status = 'paused'
         UNION ALL
        SELECT * FROM (SELECT * FROM sync_logs
                        WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NULL
                        ORDER BY accepted_seq LIMIT %(most)s) waiting) open
 ORDER BY accepted_seq
 LIMIT %(most)s

-- name: count_open
-- How many logs are running or waiting, and the oldest. Reads the two partial indexes of running logs.
SELECT count(*), min(accepted_at)
  FROM (SELECT accepted_at FROM sync_logs
         WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NOT NULL
         UNION ALL
        SELECT accepted_at FROM sync_logs
         WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NULL) open

-- name: count_open_of_all
-- The same over all stores.
SELECT open_logs, oldest_accepted_at FROM count_open_logs()

-- name: count_items_of_all
-- How many outbound items of all stores wait, and how many of them are past their deadline.
SELECT coalesce(sum(waiting), 0)::bigint, coalesce(sum(overdue), 0)::bigint FROM count_outbound_backlog()

-- name: list_store_activity
-- A page of stores, those in trouble first: ids and counts only. The cost follows the number of stores.
SELECT store_id, running, oldest_accepted_at, failed, open_alerts
  FROM list_store_activity(%(search)s, %(failed_since)s, %(most)s, %(skip)s)

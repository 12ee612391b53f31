-- name: insert_pull_log
-- No row if the store and entity have a running or paused run (a unique index).
INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at, enqueues, enqueued_at,
                       request_id, queue)
VALUES (%(store_id)s, %(log_id)s, %(entity)s, %(source)s, %(mode)s, 'running', 'queued', 0, clock_timestamp(), 1,
        clock_timestamp(), %(request_id)s, 'pull')
    ON CONFLICT (store_id, entity) WHERE queue = 'pull' AND status IN ('running', 'paused') DO NOTHING
RETURNING id

-- name: insert_pull_run
-- Part of the transaction that inserted the log.
INSERT INTO pull_runs (store_id, log_id, windows, options, max_records, base_watermark, window_no, cursor, is_fetched, fetched,
                       page, watermark, read_to, in_order, rest, rest_page)
VALUES (%(store_id)s, %(log_id)s, %(windows)s, %(options)s, %(max_records)s, %(base_watermark)s, %(window_no)s, %(cursor)s,
        %(is_fetched)s, %(fetched)s, %(page)b, %(watermark)s, %(read_to)s, %(in_order)s, %(rest)s, %(rest_page)b)

-- name: get_active_pull
-- The running or paused run of the store and entity, if any.
SELECT id FROM sync_logs
 WHERE store_id = %(store_id)s AND entity = %(entity)s AND queue = 'pull' AND status IN ('running', 'paused')

-- name: complete_pull
-- Only from running, and only with counts that balance (a constraint).
UPDATE sync_logs
   SET status = 'completed', phase = NULL, finished_at = clock_timestamp(), error_code = NULL, error_message = NULL
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running'
RETURNING inserted, received, records_synced, existing

-- name: get_pull_run
-- What the run has read, when it completes.
SELECT windows, options, watermark, read_to, in_order, lowest_id, highest_id, late_by, base_watermark, rest, rest_page
  FROM pull_runs
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: pause_pull
-- Only from running. Waits for a page that is being applied; the worker notices at its next page.
UPDATE sync_logs SET status = 'paused', phase = NULL
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running' AND queue = 'pull'

-- name: resume_pull
-- Only from paused.
UPDATE sync_logs
   SET status = 'running', phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(),
       enqueues = enqueues + 1, enqueued_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'paused'
RETURNING store_id, id AS log_id, enqueues AS enqueue_no, entity, received, queue

-- name: retry_pull
-- Only from failed, at the cursor where it stopped. No row if another run has taken its place.
UPDATE sync_logs l
   SET status = 'running', phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(), finished_at = NULL,
       enqueues = l.enqueues + 1, enqueued_at = clock_timestamp(), error_code = NULL, error_message = NULL
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'failed' AND l.queue = 'pull'
   AND NOT EXISTS (SELECT FROM sync_logs o
                    WHERE o.store_id = l.store_id AND o.entity = l.entity AND o.queue = 'pull'
                      AND o.status IN ('running', 'paused'))
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received, l.queue

-- name: list_progress
-- Logs that are no pulls are missing.
SELECT log_id, pages, fetched, total, work_seconds, options, watermark
  FROM pull_runs
 WHERE store_id = %(store_id)s AND log_id = ANY (%(log_ids)s)

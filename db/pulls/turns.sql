-- name: begin_pull
-- Gives the run to the caller until `lease` seconds pass without a renewal. No row if the run is not due (another worker has it),
-- not running, or out of attempts.
WITH due AS MATERIALIZED (
    SELECT id FROM sync_logs
     WHERE store_id = %(store_id)s AND id = %(log_id)s AND queue = 'pull'
       AND status = 'running' AND attempts < %(most_attempts)s AND next_attempt_at <= clock_timestamp()
       FOR UPDATE SKIP LOCKED
), log AS (
    UPDATE sync_logs l
       SET attempts = l.attempts + 1, phase = 'processing', started_at = coalesce(l.started_at, clock_timestamp()),
           next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
      FROM due
     WHERE l.store_id = %(store_id)s AND l.id = due.id
    RETURNING l.id, l.entity, l.source, l.mode, l.attempts, l.request_id, l.received, l.next_attempt_at
)
UPDATE pull_runs r
   SET epoch = r.epoch + 1
  FROM log
 WHERE r.store_id = %(store_id)s AND r.log_id = log.id
RETURNING log.entity, log.source AS platform, log.mode, log.attempts, log.request_id, log.received,
          r.windows, r.max_records, r.base_watermark, r.epoch, r.window_no, r.cursor, r.is_fetched, r.pages, r.fetched, r.page,
          r.watermark, r.in_order, r.read_to

-- name: renew_lease
-- No row if the run was paused, ended or taken over.
UPDATE sync_logs l
   SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: yield_pull
-- Requeues the run behind others. Only by the worker that has it.
UPDATE sync_logs l
   SET phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(), enqueues = l.enqueues + 1,
       enqueued_at = clock_timestamp()
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received, l.queue

-- name: postpone_pull
-- Stores why an attempt failed and when the next may begin. Only by the worker that has the run.
UPDATE sync_logs l
   SET phase = 'retrying', next_attempt_at = clock_timestamp() + make_interval(secs => %(delay)s),
       error_code = %(error_code)s, error_message = %(error_message)s
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: fail_pull
-- Ends a run that cannot continue; cursor and waiting page stay for a retry. Only by the worker that has the run.
UPDATE sync_logs l
   SET status = 'failed', phase = NULL, finished_at = clock_timestamp(), error_code = %(error_code)s,
       error_message = %(error_message)s
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: insert_pull_log
-- No row where a run of this store and entity is running or paused already (a unique index): one at a time.
INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at, enqueues, enqueued_at,
                       request_id, queue)
VALUES (%(store_id)s, %(log_id)s, %(entity)s, %(source)s, %(mode)s, 'running', 'queued', 0, clock_timestamp(), 1,
        clock_timestamp(), %(request_id)s, 'pull')
    ON CONFLICT (store_id, entity) WHERE queue = 'pull' AND status IN ('running', 'paused') DO NOTHING
RETURNING id

-- name: insert_pull_run
-- Together with its log, in one transaction.
INSERT INTO pull_runs (store_id, log_id, windows, options, max_records, base_watermark, window_no, cursor, is_fetched, fetched,
                       page, watermark, read_to, in_order, rest, rest_page)
VALUES (%(store_id)s, %(log_id)s, %(windows)s, %(options)s, %(max_records)s, %(base_watermark)s, %(window_no)s, %(cursor)s,
        %(is_fetched)s, %(fetched)s, %(page)b, %(watermark)s, %(read_to)s, %(in_order)s, %(rest)s, %(rest_page)b)

-- name: get_active_pull
-- The run that has the place of its store and entity, if any.
SELECT id FROM sync_logs
 WHERE store_id = %(store_id)s AND entity = %(entity)s AND queue = 'pull' AND status IN ('running', 'paused')

-- name: begin_pull
-- Makes the caller the one who works on the run, until `lease` seconds pass without a sign of life. No row where the run is
-- not due (another works on it), is not running, or is out of attempts.
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
-- A sign of life; no row where the run was paused, ended, or taken over.
UPDATE sync_logs l
   SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: get_next_seq
-- A place in the order of acceptance, behind everything that has one.
SELECT nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq'))

-- name: stash_page
-- Keeps a fetched page and moves the cursor behind it, only if nobody else works on the run and no page was kept meanwhile.
-- The answer is the place of the next page in the order of acceptance, which is fetched from now on.
WITH log AS (
    UPDATE sync_logs l
       SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = 0, phase = 'processing',
           error_code = NULL, error_message = NULL
      FROM pull_runs r
     WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
       AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s AND r.pages = %(pages)s AND r.page IS NULL
    RETURNING l.id
)
UPDATE pull_runs r
   SET page = %(page)b, window_no = %(window_no)s, cursor = %(cursor)s, is_fetched = %(is_fetched)s, pages = r.pages + 1,
       fetched = r.fetched + %(records)s, total = coalesce(%(total)s, r.total),
       watermark = coalesce(r.watermark, %(watermark)s), rest = %(rest)s, rest_page = %(rest_page)b,
       work_seconds = r.work_seconds + %(seconds)s
  FROM log
 WHERE r.store_id = %(store_id)s AND r.log_id = log.id
RETURNING nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq')) AS next_seq

-- name: claim_page
-- Locks the run for the rest of the transaction. No row where it was paused, ended, or taken over, or nothing waits in it.
SELECT l.id
  FROM sync_logs l
  JOIN pull_runs r ON r.store_id = l.store_id AND r.log_id = l.id
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running' AND r.epoch = %(epoch)s AND r.page IS NOT NULL
   FOR UPDATE

-- name: count_page
-- Part of the transaction that wrote the page's rows: the log's counts move with them.
UPDATE sync_logs
   SET received = received + %(received)s, inserted = inserted + %(inserted)s, updated = updated + %(updated)s,
       unchanged = unchanged + %(unchanged)s, stale = stale + %(stale)s, invalid = invalid + %(invalid)s,
       existing = existing + %(existing)s, attempts = 0,
       next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: clear_page
-- The page is applied; what it showed of ids and times is kept.
UPDATE pull_runs
   SET page = NULL, read_to = greatest(read_to, %(newest)s), in_order = in_order AND %(in_order)s,
       lowest_id = least(lowest_id, %(lowest_id)s), highest_id = greatest(highest_id, %(highest_id)s),
       late_by = greatest(late_by, %(late_by)s)
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: insert_pull_page
-- Which run wrote a row is found by the place of its page.
INSERT INTO pull_pages (store_id, log_id, page_no, accepted_seq, records)
VALUES (%(store_id)s, %(log_id)s, %(page_no)s, %(accepted_seq)s, %(records)s)

-- name: complete_pull
-- Only from running, and only with counts that balance (a constraint).
UPDATE sync_logs
   SET status = 'completed', phase = NULL, finished_at = clock_timestamp(), error_code = NULL, error_message = NULL
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running'
RETURNING inserted, received, records_synced, existing

-- name: get_pull_run
-- What a run has met, as it completes.
SELECT windows, options, watermark, read_to, in_order, lowest_id, highest_id, late_by, base_watermark, rest, rest_page
  FROM pull_runs
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: yield_pull
-- Puts the run back into the queue, behind whoever waits there; only by the one who works on it.
UPDATE sync_logs l
   SET phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(), enqueues = l.enqueues + 1,
       enqueued_at = clock_timestamp()
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received, l.queue

-- name: postpone_pull
-- Notes why an attempt failed, and when the next may begin; only by the one who works on it.
UPDATE sync_logs l
   SET phase = 'retrying', next_attempt_at = clock_timestamp() + make_interval(secs => %(delay)s),
       error_code = %(error_code)s, error_message = %(error_message)s
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: fail_pull
-- Ends a run that can't go on; cursor and waiting page stay, for a retry. Only by the one who works on it.
UPDATE sync_logs l
   SET status = 'failed', phase = NULL, finished_at = clock_timestamp(), error_code = %(error_code)s,
       error_message = %(error_message)s
  FROM pull_runs r
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
   AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s

-- name: pause_pull
-- Only from running; waits for a page that is being applied. Whoever works on the run finds out at the next page.
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
-- Only from failed, at the cursor where it stopped; no row where another run has taken its place meanwhile.
UPDATE sync_logs l
   SET status = 'running', phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(), finished_at = NULL,
       enqueues = l.enqueues + 1, enqueued_at = clock_timestamp(), error_code = NULL, error_message = NULL
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'failed' AND l.queue = 'pull'
   AND NOT EXISTS (SELECT FROM sync_logs o
                    WHERE o.store_id = l.store_id AND o.entity = l.entity AND o.queue = 'pull'
                      AND o.status IN ('running', 'paused'))
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received, l.queue

-- name: discard_page
-- Nobody will apply it: its run was cancelled.
UPDATE pull_runs SET page = NULL, rest_page = NULL WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: list_progress
-- How far each of these runs has come; logs that are no pulls are not in the answer.
SELECT log_id, pages, fetched, total, work_seconds, options, watermark
  FROM pull_runs
 WHERE store_id = %(store_id)s AND log_id = ANY (%(log_ids)s)

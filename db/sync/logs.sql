-- name: accept_log
-- Commits log and payload before the answer, or says why not. Twenty requests at once with one key make one log.
SELECT verdict, log_id, enqueue_no
  FROM accept_log(%(store_id)s, %(log_id)s, %(entity)s, %(source)s, %(mode)s, %(received)s, %(body)b,
                  %(idempotency_key)s, %(fingerprint)b, %(request_id)s, %(window)s, %(most_open)s)

-- name: begin_attempt
-- Counts an attempt before its work begins, so that one that kills its worker counts too. No row if the log is not
-- due, not running, out of attempts, or locked by another worker. A log that was accepted in the future is due: the clock was
-- set back since. `delays` is indexed by attempt since the last retry; the number that is returned never repeats for a log.
UPDATE sync_logs l
   SET attempts = l.attempts + 1,
       attempt_no = l.attempt_no + 1,
       phase = 'processing',
       started_at = coalesce(l.started_at, clock_timestamp()),
       next_attempt_at = clock_timestamp()
           + make_interval(secs => (%(delays)s::float8[])[least(l.attempts + 1, cardinality(%(delays)s::float8[]))])
  FROM (SELECT id FROM sync_logs
         WHERE store_id = %(store_id)s AND id = %(log_id)s
           AND status = 'running' AND attempts < %(most_attempts)s
           AND (next_attempt_at <= clock_timestamp() OR (attempts = 0 AND accepted_at > clock_timestamp()))
           FOR UPDATE SKIP LOCKED) due
 WHERE l.store_id = %(store_id)s AND l.id = due.id
RETURNING l.attempt_no, l.request_id

-- name: claim_log
-- Locks the log until the transaction ends. No row if another worker holds it or a later attempt has begun.
SELECT l.id, l.accepted_seq, l.accepted_at, l.entity, l.mode, l.received, p.body
  FROM sync_logs l
  JOIN sync_payloads p ON p.store_id = l.store_id AND p.log_id = l.id
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running' AND l.attempt_no = %(attempt)s
   FOR UPDATE OF l SKIP LOCKED

-- name: get_barrier
-- The newest accepted_seq of an older log of this entity that may still be applied, because it is running, or failed and may be
-- retried; 0 for none. Rows last written before it must not keep their old version. Either half of the version makes a log older:
-- two posts at the same moment may get time and sequence in opposite orders. A pull's pages get their place when they are fetched,
-- so nothing older waits in a pull.
SELECT coalesce(max(accepted_seq), 0)
  FROM sync_logs
 WHERE store_id = %(store_id)s AND entity = %(entity)s AND status IN ('running', 'failed')
   AND queue = 'ingest' AND id <> %(log_id)s
   AND (accepted_seq < %(accepted_seq)s OR accepted_at <= %(accepted_at)s)

-- name: mark_completed
-- Only from running, and only with counts that balance (a constraint). Part of the transaction that wrote the rows.
UPDATE sync_logs
   SET status = 'completed', phase = NULL, finished_at = clock_timestamp(), error_code = NULL, error_message = NULL,
       inserted = %(inserted)s, updated = %(updated)s, unchanged = %(unchanged)s, stale = %(stale)s,
       invalid = %(invalid)s, existing = %(existing)s
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running'

-- name: mark_retrying
-- Only if the failed attempt is still the last one; a log that completed meanwhile stays completed.
UPDATE sync_logs
   SET phase = 'retrying', error_code = %(error_code)s, error_message = %(error_message)s
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running' AND attempt_no = %(attempt)s

-- name: mark_failed
-- Only if the failed attempt is still the last one.
UPDATE sync_logs
   SET status = 'failed', phase = NULL, finished_at = clock_timestamp(),
       error_code = %(error_code)s, error_message = %(error_message)s
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status = 'running' AND attempt_no = %(attempt)s

-- name: admit_next
-- Admits a store's oldest waiting logs, never more than its window has room for. They are picked in a materialized step: a join
-- may run a subquery with LIMIT and SKIP LOCKED again and would then pick others.
WITH next AS MATERIALIZED (
    SELECT id FROM sync_logs
     WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NULL
     ORDER BY accepted_seq
     LIMIT (SELECT greatest(%(window)s - count(*), 0) FROM sync_logs
             WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NOT NULL AND queue = 'ingest')
       FOR UPDATE SKIP LOCKED
)
UPDATE sync_logs l
   SET enqueues = l.enqueues + 1, enqueued_at = clock_timestamp()
  FROM next
 WHERE l.store_id = %(store_id)s AND l.id = next.id
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received

-- name: retry_log
-- Only from failed, and only while the payload is kept. Attempts are counted anew, but their numbers go on, so that
-- one from before changes nothing; accepted_seq stays.
UPDATE sync_logs l
   SET status = 'running', phase = 'queued', attempts = 0, next_attempt_at = clock_timestamp(),
       enqueues = l.enqueues + 1, enqueued_at = clock_timestamp(), finished_at = NULL, error_code = NULL, error_message = NULL
  FROM sync_payloads p
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'failed'
   AND p.store_id = l.store_id AND p.log_id = l.id
RETURNING l.store_id, l.id AS log_id, l.enqueues AS enqueue_no, l.entity, l.received

-- name: cancel_log
-- Only from running or paused. Waits for a transaction that is applying the log, and then finds it completed.
UPDATE sync_logs SET status = 'cancelled', phase = NULL, finished_at = clock_timestamp(), error_code = NULL, error_message = NULL
 WHERE store_id = %(store_id)s AND id = %(log_id)s AND status IN ('running', 'paused')

-- name: get_log
-- No row for another store's id.
SELECT id, accepted_seq, entity, source, mode, status, phase, received, inserted, updated, unchanged, stale, invalid,
       existing, records_synced, records_skipped, attempts, next_attempt_at, accepted_at, started_at, finished_at,
       error_code, error_message, request_id
  FROM sync_logs
 WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: list_logs
-- Newest first, below the cursor.
SELECT id, accepted_seq, entity, source, mode, status, phase, received, inserted, updated, unchanged, stale, invalid,
       existing, records_synced, records_skipped, attempts, next_attempt_at, accepted_at, started_at, finished_at,
       error_code, error_message, request_id
  FROM sync_logs
 WHERE store_id = %(store_id)s
   AND accepted_seq < coalesce(%(before)s::bigint, 9223372036854775807)
 ORDER BY accepted_seq DESC
 LIMIT %(most)s

-- name: newest_before
-- The newest log that was accepted before an id was made; ids begin with their time. Reads one index step.
SELECT accepted_seq FROM sync_logs WHERE store_id = %(store_id)s AND id < %(id)s ORDER BY id DESC LIMIT 1

-- name: list_logs_of_kind
-- Like list_logs, filtered; NULL matches all. Reads hardly more than it returns: one index step finds each kind (entity, source,
-- mode, status) that the store has, and the newest logs of all matching kinds are merged. Running logs are few and are scanned.
WITH RECURSIVE kinds AS (
    (SELECT entity, source, mode, status
       FROM sync_logs
      WHERE store_id = %(store_id)s AND status <> 'running'
      ORDER BY entity, source, mode, status
      LIMIT 1)
     UNION ALL
    SELECT next.entity, next.source, next.mode, next.status
      FROM kinds k,
   LATERAL (SELECT n.entity, n.source, n.mode, n.status
              FROM sync_logs n
             WHERE n.store_id = %(store_id)s AND n.status <> 'running'
               AND (n.entity, n.source, n.mode, n.status) > (k.entity, k.source, k.mode, k.status)
             ORDER BY n.entity, n.source, n.mode, n.status
             LIMIT 1) next
), running AS (
    SELECT id, accepted_seq, entity, source, mode, status
      FROM sync_logs
     WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NOT NULL
     UNION ALL
    SELECT id, accepted_seq, entity, source, mode, status
      FROM sync_logs
     WHERE store_id = %(store_id)s AND status = 'running' AND enqueued_at IS NULL
), found AS (
    SELECT ended.id, ended.accepted_seq
      FROM kinds k,
   LATERAL (SELECT e.id, e.accepted_seq
              FROM sync_logs e
             WHERE e.store_id = %(store_id)s AND e.status <> 'running'
               AND e.entity = k.entity AND e.source = k.source AND e.mode = k.mode AND e.status = k.status
               AND e.accepted_seq < coalesce(%(before)s::bigint, 9223372036854775807)
             ORDER BY e.accepted_seq DESC
             LIMIT %(most)s) ended
     WHERE (%(entity)s::text IS NULL OR k.entity = %(entity)s)
       AND (%(status)s::text IS NULL OR k.status = %(status)s)
       AND (%(source)s::text IS NULL OR k.source = %(source)s)
       AND (%(mode)s::text IS NULL OR k.mode = %(mode)s)
     UNION ALL
    SELECT r.id, r.accepted_seq
      FROM running r
     WHERE r.accepted_seq < coalesce(%(before)s::bigint, 9223372036854775807)
       AND (%(entity)s::text IS NULL OR r.entity = %(entity)s)
       AND (%(status)s::text IS NULL OR r.status = %(status)s)
       AND (%(source)s::text IS NULL OR r.source = %(source)s)
       AND (%(mode)s::text IS NULL OR r.mode = %(mode)s)
), page AS (
    SELECT id FROM found ORDER BY accepted_seq DESC LIMIT %(most)s
)
SELECT l.id, l.accepted_seq, l.entity, l.source, l.mode, l.status, l.phase, l.received, l.inserted, l.updated, l.unchanged,
       l.stale, l.invalid,
       l.existing, l.records_synced, l.records_skipped, l.attempts, l.next_attempt_at, l.accepted_at, l.started_at, l.finished_at,
       l.error_code, l.error_message, l.request_id
  FROM page
  JOIN sync_logs l ON l.store_id = %(store_id)s AND l.id = page.id
 ORDER BY l.accepted_seq DESC

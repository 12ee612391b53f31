-- name: mark_tick
-- When a dispatcher last finished a tick, and how long it took.
UPDATE dispatcher_marks SET marked_at = clock_timestamp(), seconds = %(seconds)s WHERE name = 'tick'

-- name: claim_watch
-- One dispatcher at a time, and none before the pause is over; no row for the others. A mark in the future means that the clock
-- was set back, and counts as over.
UPDATE dispatcher_marks
   SET marked_at = clock_timestamp()
  FROM (SELECT name FROM dispatcher_marks
         WHERE name = 'watch' AND (marked_at <= clock_timestamp() - make_interval(secs => %(pause)s) OR marked_at > clock_timestamp())
           FOR UPDATE SKIP LOCKED) due
 WHERE dispatcher_marks.name = due.name
RETURNING due.name

-- name: watch_drift
-- Stores whose shop has differed from the ERP for so many seconds, the stock aside.
SELECT store_id, differing FROM watch_drift(make_interval(secs => %(seconds)s))

-- name: watch_findings
-- Stores that wrote orders which do not add up within so many seconds.
SELECT store_id, found, written FROM watch_findings(make_interval(secs => %(seconds)s))

-- name: watch_failures
-- Ids and counts only.
SELECT store_id, entity, source, failed, log_id FROM watch_failures(make_interval(secs => %(quiet)s))

-- name: watch_running
-- The longest running log of each store and queue above the threshold.
SELECT store_id, queue, running_seconds, log_id FROM watch_running(make_interval(secs => %(longest)s))

-- name: watch_runs
-- Only runs without records or with invalid ones.
SELECT store_id, entity, source, runs, zero_runs, had_rows, received, invalid, log_id FROM watch_runs(%(recent)s)

-- name: watch_watermarks
-- Scheduled pulls that lag by more than their step plus so many seconds.
SELECT store_id, entity, age_seconds, step_seconds
  FROM measure_watermarks()
 WHERE age_seconds > step_seconds + %(longest)s

-- name: list_open_alerts
-- Ids and what each is about.
SELECT store_id, id, kind, entity, source FROM list_open_alerts()

-- name: insert_alert
-- Does nothing if such an alert is open, or its store is being deleted.
INSERT INTO alerts (store_id, id, kind, entity, source, log_id, measured, threshold)
SELECT s.id, %(id)s, %(kind)s, %(entity)s, %(source)s, %(log_id)s, %(measured)s, %(threshold)s
  FROM (SELECT id FROM stores WHERE id = %(store_id)s FOR KEY SHARE) s
    ON CONFLICT (store_id, kind, entity, source) WHERE recovered_at IS NULL DO NOTHING

-- name: recover_alert
-- Ends an open alert. Its notice is due at once, or after the first one was sent.
UPDATE alerts
   SET recovered_at = clock_timestamp(),
       next_notice_at = CASE WHEN raise_notified_at IS NULL THEN next_notice_at ELSE clock_timestamp() END
 WHERE store_id = %(store_id)s AND id = %(id)s AND recovered_at IS NULL

-- name: claim_notices
-- No two dispatchers get the same notice before `hold` is over.
SELECT store_id, id, kind, entity, source, log_id, measured, threshold, raised_at, recovered_at, raise_notified, tries,
       is_logged
  FROM claim_notices(make_interval(secs => %(hold)s), %(most)s)

-- name: note_raise_notified
-- Leaves only the recovery to send, at once if it happened meanwhile.
UPDATE alerts SET raise_notified_at = clock_timestamp(), next_notice_at = clock_timestamp(), tries = 0, is_logged = false
 WHERE store_id = %(store_id)s AND id = %(id)s

-- name: note_recovery_notified
-- Leaves nothing to send.
UPDATE alerts SET recovery_notified_at = clock_timestamp(), tries = 0 WHERE store_id = %(store_id)s AND id = %(id)s

-- name: postpone_notice
-- Due again after so many seconds; it is in the log.
UPDATE alerts SET next_notice_at = clock_timestamp() + make_interval(secs => %(seconds)s), is_logged = true
 WHERE store_id = %(store_id)s AND id = %(id)s

-- name: prune_alerts
-- Never an open alert.
SELECT dispatch_prune_alerts(make_interval(days => %(days)s))

-- name: list_alerts_of_all
-- Ids, kinds and figures; those that nobody acknowledged first.
SELECT store_id, id, kind, entity, source, log_id, measured, threshold, raised_at, acknowledged_at
  FROM list_alerts_of_all(%(most)s)

-- name: acknowledge_alert
-- One open alert of one store, which keeps its first acknowledgement; no row if it recovered.
UPDATE alerts
   SET acknowledged_at = coalesce(acknowledged_at, clock_timestamp()), acknowledged_by = coalesce(acknowledged_by, %(by)s)
 WHERE store_id = %(store_id)s AND id = %(id)s AND recovered_at IS NULL

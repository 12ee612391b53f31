-- name: measure_logs
-- The cost depends on open and failed logs, not on completed ones.
SELECT entity, source, queue, status, phase, logs, oldest_seconds, most_attempts FROM measure_logs()

-- name: measure_totals
-- Totals that only grow.
SELECT entity, source, completed, failed, cancelled, attempts, inserted, updated, unchanged, stale, invalid, existing
  FROM measure_totals()

-- name: measure_watermarks
-- By platform and entity, of scheduled pulls: the oldest watermark and the latest arrival behind one.
SELECT platform, entity, max(age_seconds) AS age_seconds, max(lateness_seconds) AS lateness_seconds,
       max(overlap_seconds) AS overlap_seconds
  FROM measure_watermarks()
 GROUP BY platform, entity

-- name: measure_outbound
-- The cost depends on open and failed items, not on completed ones.
SELECT sync_type, status, items, overdue, oldest_seconds FROM measure_outbound()

-- name: measure_shop_pace
-- Counts of shops; the cost follows the number of stores.
SELECT is_paused, products_at_once, calls_limit, shops FROM measure_shop_pace()

-- name: measure_breaches
-- Items that ended past their deadline within so many seconds.
SELECT sync_type, breach, items FROM measure_breaches(make_interval(secs => %(seconds)s))

-- name: measure_drift
-- By field, over all stores.
SELECT field, differing FROM measure_drift()

-- name: measure_findings
-- One row a kind.
SELECT kind, found FROM measure_findings()

-- name: measure_alerts
-- Counts by kind.
SELECT kind, opened, waiting FROM measure_alerts()

-- name: measure_marks
-- At most two rows; seconds since each mark, NULL if there was none.
SELECT name, CASE WHEN marked_at > '-infinity' THEN extract(epoch FROM clock_timestamp() - marked_at)::float8 END, seconds
  FROM dispatcher_marks

-- name: measure_server
-- Bytes of this database, connections of all its clients, and how many the server allows.
SELECT pg_database_size(current_database()) AS bytes,
       (SELECT count(*)::integer FROM pg_stat_activity WHERE datname = current_database()) AS connections,
       current_setting('max_connections')::integer AS most_connections

-- name: count_connections
-- Of our own role; our processes name themselves `sluice …`.
SELECT substr(application_name, 8), coalesce(state, 'unknown'), count(*)
  FROM pg_stat_activity
 WHERE usename = current_user AND application_name LIKE 'sluice %%'
 GROUP BY 1, 2

-- The longest running log of each store and queue, if it runs longer than `longest`.
-- A batch counts from its acceptance, a pull from the time when it was due and no worker continued it.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION watch_running(longest interval)
    RETURNS TABLE (store_id uuid, queue text, running_seconds float8, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT DISTINCT ON (o.store_id, o.queue) o.store_id, o.queue, extract(epoch FROM clock_timestamp() - o.since), o.id
          FROM (SELECT s.store_id, s.queue, s.id, CASE WHEN s.queue = 'pull' THEN s.next_attempt_at ELSE s.accepted_at END AS since
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.status IN ('running', 'failed')) o
         WHERE o.since < clock_timestamp() - longest
         ORDER BY o.store_id, o.queue, o.since;
    END;
REVOKE ALL ON FUNCTION watch_running(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_running(interval) TO sluice_app;

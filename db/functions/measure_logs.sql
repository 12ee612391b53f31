-- Logs that are running, paused or failed, counted by entity, source, queue, status and phase.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_logs()
    RETURNS TABLE (entity text, source text, queue text, status text, phase text, logs bigint,
                   oldest_seconds float8, most_attempts integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT o.entity, o.source, o.queue, o.status, o.phase, count(*),
               extract(epoch FROM clock_timestamp() - min(o.accepted_at)), max(o.attempts)
          FROM (SELECT s.entity, s.source, s.queue, s.status, s.phase, s.accepted_at, s.attempts
                  FROM sync_logs s WHERE s.status IN ('running', 'failed')
                 UNION ALL
                SELECT s.entity, s.source, s.queue, s.status, s.phase, s.accepted_at, s.attempts
                  FROM sync_logs s WHERE s.queue = 'pull' AND s.status = 'paused') o
         GROUP BY o.entity, o.source, o.queue, o.status, o.phase;
    END;
REVOKE ALL ON FUNCTION measure_logs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_logs() TO sluice_app;

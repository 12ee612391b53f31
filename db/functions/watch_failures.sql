-- Failed logs that failed within `quiet` or have no completed run after them, by store, entity and source.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION watch_failures(quiet interval)
    RETURNS TABLE (store_id uuid, entity text, source text, failed bigint, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT f.store_id, f.entity, f.source, f.failed, f.log_id
          FROM (SELECT s.store_id, s.entity, s.source, count(*) AS failed, max(s.finished_at) AS last_at,
                       (array_agg(s.id ORDER BY s.finished_at DESC))[1] AS log_id
                  FROM sync_logs s
                 WHERE s.status IN ('running', 'failed') AND s.status = 'failed'
                 GROUP BY s.store_id, s.entity, s.source) f
         WHERE f.last_at > clock_timestamp() - quiet
            OR NOT EXISTS (SELECT FROM sync_logs c
                            WHERE c.store_id = f.store_id AND c.entity = f.entity AND c.source = f.source
                              AND c.status = 'completed' AND c.finished_at > f.last_at);
    END;
REVOKE ALL ON FUNCTION watch_failures(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_failures(interval) TO sluice_app;

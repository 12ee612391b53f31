-- Logs of all stores that ended since then, by status and time step.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION count_finished_of_all(since timestamptz, step interval)
    RETURNS TABLE (began_at timestamptz, status text, logs bigint, synced bigint, skipped bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT e.began_at, e.status, sum(e.logs)::bigint, sum(e.synced)::bigint, sum(e.skipped)::bigint
          FROM stores s,
       LATERAL (SELECT date_bin(step, l.finished_at, since) AS began_at, l.status, count(*) AS logs,
                       sum(l.records_synced) AS synced, sum(l.records_skipped) AS skipped
                  FROM sync_logs l
                 WHERE l.store_id = s.id AND l.finished_at >= since
                 GROUP BY 1, 2) e
         GROUP BY e.began_at, e.status;
    END;
REVOKE ALL ON FUNCTION count_finished_of_all(timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_finished_of_all(timestamptz, interval) TO sluice_app;

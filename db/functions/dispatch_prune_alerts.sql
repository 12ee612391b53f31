-- Deletes alerts that recovered before then, notified or not; returns how many.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_prune_alerts(older_than interval) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH gone AS (DELETE FROM alerts a WHERE a.recovered_at < clock_timestamp() - older_than RETURNING 1)
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_prune_alerts(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_alerts(interval) TO sluice_app;

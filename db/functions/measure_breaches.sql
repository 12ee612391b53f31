-- Items that ended past their deadline within that time, by the step that took longest.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_breaches(since interval) RETURNS TABLE (sync_type text, breach text, items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT i.sync_type, i.breach, count(*)
          FROM wc_sync_items i
         WHERE i.breach IS NOT NULL AND i.completed_at > now() - since
         GROUP BY i.sync_type, i.breach;
    END;
REVOKE ALL ON FUNCTION measure_breaches(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_breaches(interval) TO sluice_app;

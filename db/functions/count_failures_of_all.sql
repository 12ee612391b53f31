-- Failed logs of all stores by error code, the most frequent first. For operators; the cost follows the number of failed logs.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION count_failures_of_all()
    RETURNS TABLE (error_code text, logs bigint, of_stores bigint, newest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT l.error_code, count(*), count(DISTINCT l.store_id), max(l.finished_at)
          FROM sync_logs l
         WHERE l.status = 'failed'
         GROUP BY l.error_code
         ORDER BY count(*) DESC, l.error_code;
    END;
REVOKE ALL ON FUNCTION count_failures_of_all() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_failures_of_all() TO sluice_app;

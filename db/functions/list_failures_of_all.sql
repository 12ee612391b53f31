-- Ids of failed logs of all stores with one error code, the newest first. For operators.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_failures_of_all(code text, most integer) RETURNS TABLE (store_id uuid, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT l.store_id, l.id
          FROM sync_logs l
         WHERE l.status = 'failed' AND l.error_code = code
         ORDER BY l.finished_at DESC, l.id
         LIMIT most;
    END;
REVOKE ALL ON FUNCTION list_failures_of_all(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_failures_of_all(text, integer) TO sluice_app;

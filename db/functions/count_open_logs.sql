-- How many logs are running, and when the oldest was accepted.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION count_open_logs() RETURNS TABLE (open_logs bigint, oldest_accepted_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT count(*), min(o.accepted_at)
          FROM (SELECT s.accepted_at FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                 UNION ALL
                SELECT s.accepted_at FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NULL) o;
    END;
REVOKE ALL ON FUNCTION count_open_logs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_open_logs() TO sluice_app;

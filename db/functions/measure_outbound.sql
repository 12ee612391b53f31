-- Items that are open, by type and status.
-- Items that ended well are not read, so the cost follows what is open.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_outbound()
    RETURNS TABLE (sync_type text, status text, items bigint, overdue bigint, oldest_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT i.sync_type, i.status, count(*),
               count(*) FILTER (WHERE i.status IN ('pending', 'syncing') AND i.due_at < clock_timestamp()),
               extract(epoch FROM clock_timestamp() - min(i.created_at))
          FROM stores s
          JOIN wc_sync_items i ON i.store_id = s.id AND i.status IN ('pending', 'syncing', 'needs_approval', 'failed')
         GROUP BY i.sync_type, i.status;
    END;
REVOKE ALL ON FUNCTION measure_outbound() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_outbound() TO sluice_app;

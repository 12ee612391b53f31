-- Items that wait, by store and type: how many, how many past their deadline, and the oldest.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION count_outbound_backlog()
    RETURNS TABLE (store_id uuid, sync_type text, waiting bigint, overdue bigint, oldest_created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT i.store_id, i.sync_type, count(*), count(*) FILTER (WHERE i.due_at < clock_timestamp()), min(i.created_at)
          FROM stores s
          JOIN wc_sync_items i ON i.store_id = s.id AND i.status IN ('pending', 'syncing')
         GROUP BY i.store_id, i.sync_type;
    END;
REVOKE ALL ON FUNCTION count_outbound_backlog() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_outbound_backlog() TO sluice_app;

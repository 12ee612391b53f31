-- Deletes ended items older than that; returns how many.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_prune_outbound_items(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, i.id
              FROM stores s
             CROSS JOIN unnest(ARRAY['completed', 'failed', 'superseded']) ended (status),
           LATERAL (SELECT n.id
                      FROM wc_sync_items n
                     WHERE n.store_id = s.id AND n.status = ended.status AND n.created_at < now() - older_than
                     ORDER BY n.created_at
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) i
             LIMIT most
        ), gone AS (
            DELETE FROM wc_sync_items i
             USING old
             WHERE i.store_id = old.store_id AND i.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_prune_outbound_items(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_outbound_items(interval, integer) TO sluice_app;

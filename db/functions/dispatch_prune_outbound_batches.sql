-- Deletes ended batches and holds older than that once none of their items is left; returns how many.
-- A hold that a person rejected has ended, too.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_prune_outbound_batches(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, b.id
              FROM public.stores s
             CROSS JOIN unnest(ARRAY['completed', 'approved', 'released', 'rejected']) ended (status),
           LATERAL (SELECT n.id
                      FROM public.wc_sync_batches n
                     WHERE n.store_id = s.id AND n.status = ended.status AND n.created_at < now() - older_than
                       AND NOT EXISTS (SELECT FROM public.wc_sync_items i WHERE i.store_id = n.store_id AND i.batch_id = n.id)
                       AND NOT EXISTS (SELECT FROM public.wc_sync_items i WHERE i.store_id = n.store_id AND i.hold_id = n.id)
                     ORDER BY n.created_at
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) b
             LIMIT most
        ), gone AS (
            DELETE FROM public.wc_sync_batches b
             USING old
             WHERE b.store_id = old.store_id AND b.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_prune_outbound_batches(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_outbound_batches(interval, integer) TO sluice_app;

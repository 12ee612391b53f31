-- Stores with something to do now: a due item, one whose sender is gone, or a due drift check.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_outbound(most integer) RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id
          FROM stores s
          LEFT JOIN wc_push_leases l ON l.store_id = s.id
         WHERE (l.lease_until IS NULL OR l.lease_until <= clock_timestamp())
           AND (l.resume_at IS NULL OR l.resume_at <= clock_timestamp())
           AND (EXISTS (SELECT FROM wc_sync_items i
                         WHERE i.store_id = s.id AND i.status = 'pending' AND i.next_attempt_at <= clock_timestamp())
                OR EXISTS (SELECT FROM wc_sync_items i WHERE i.store_id = s.id AND i.status = 'syncing')
                OR EXISTS (SELECT FROM wc_drift_checks d WHERE d.store_id = s.id AND d.due_at <= clock_timestamp()))
         LIMIT most;
    END;
REVOKE ALL ON FUNCTION dispatch_outbound(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_outbound(integer) TO sluice_app;

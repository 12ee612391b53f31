-- Stores with orders that were not published yet.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_order_events(most integer) RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT DISTINCT e.store_id FROM wc_order_events e WHERE e.published_at IS NULL LIMIT most;
    END;
REVOKE ALL ON FUNCTION dispatch_order_events(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_order_events(integer) TO sluice_app;

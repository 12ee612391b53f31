-- Ids of all stores, oldest first.
-- Everything else about a store is read with that store set.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_store_ids() RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id FROM stores s ORDER BY s.created_at, s.id;
    END;
REVOKE ALL ON FUNCTION list_store_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_store_ids() TO sluice_app;

-- Alerts that have not recovered, of all stores.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_open_alerts() RETURNS TABLE (store_id uuid, id uuid, kind text, entity text, source text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT a.store_id, a.id, a.kind, a.entity, a.source FROM alerts a WHERE a.recovered_at IS NULL;
    END;
REVOKE ALL ON FUNCTION list_open_alerts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_open_alerts() TO sluice_app;

-- Ids of stores whose measured storage is above `most_bytes`.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_stores_above(most_bytes bigint) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.store_id FROM public.store_storage s WHERE s.bytes > most_bytes;
    END;
REVOKE ALL ON FUNCTION list_stores_above(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_stores_above(bigint) TO sluice_app;

-- Orders that do not add up, by kind.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_findings() RETURNS TABLE (kind text, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT f.kind, count(*) FROM order_findings f GROUP BY f.kind;
    END;
REVOKE ALL ON FUNCTION measure_findings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_findings() TO sluice_app;

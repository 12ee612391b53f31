-- Products in which the shop was seen to differ from the ERP, by field.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_drift() RETURNS TABLE (field text, differing bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT d.field, count(*)
          FROM wc_product_sync_mappings m
         CROSS JOIN LATERAL jsonb_object_keys(m.differences) d (field)
         WHERE m.differences <> '{}'
         GROUP BY d.field;
    END;
REVOKE ALL ON FUNCTION measure_drift() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_drift() TO sluice_app;

-- Stores whose shop has differed from the ERP for that long, in another field than the stock, and in how many products.
-- Products that wait for the takeover are not counted.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION watch_drift(longer_than interval) RETURNS TABLE (store_id uuid, differing bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT m.store_id, count(DISTINCT m.internal_product_id)
          FROM wc_product_sync_mappings m
         CROSS JOIN LATERAL jsonb_each(m.differences) d (field, found)
         WHERE m.differences <> '{}' AND m.sync_status <> 'adopted' AND d.field NOT IN ('manage_stock', 'stock_quantity')
           AND (d.found ->> 'since')::timestamptz < clock_timestamp() - longer_than
         GROUP BY m.store_id;
    END;
REVOKE ALL ON FUNCTION watch_drift(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_drift(interval) TO sluice_app;

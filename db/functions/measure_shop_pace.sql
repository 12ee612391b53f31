-- How the shops that are sent to do: the number of those that are alike.
-- No limit of a store's own is NULL, as is what was not learned yet.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_shop_pace()
    RETURNS TABLE (is_paused boolean, products_at_once integer, calls_limit integer, shops bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT l.failures_in_a_row > 0, l.products_at_once, (s.settings -> 'pace' ->> 'calls_at_once')::int, count(*)
          FROM wc_push_leases l
          JOIN stores s ON s.id = l.store_id
         GROUP BY 1, 2, 3;
    END;
REVOKE ALL ON FUNCTION measure_shop_pace() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_shop_pace() TO sluice_app;

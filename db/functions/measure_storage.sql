-- Measures the bytes of every store anew; returns how many stores, or NULL if it was done within `pause` or runs now.
-- Reads at most `most_blocks` of each table, picked at random, so that the cost does not grow with the tables; a smaller table is
-- measured exactly. pg_column_size reads no text that is stored out of line.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_storage(most_blocks integer, pause interval) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    parts text[] := '{}';
    part record;
    measured bigint;
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('measure_storage', 0))
       OR EXISTS (SELECT FROM public.store_storage WHERE measured_at > now() - pause) THEN
        RETURN NULL;
    END IF;
    FOR part IN
        SELECT c.relname,
               string_agg(format('coalesce(pg_column_size(%I), 0)', a.attname), ' + ') AS row_bytes,
               greatest(pg_relation_size(c.oid) / current_setting('block_size')::bigint, 1) AS blocks
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace
           -- Entities have their tables' names. The others are listed, because most tables hold a few rows of a store.
           AND (c.relname IN (SELECT name FROM public.entities)
                OR c.relname IN ('order_items', 'order_coupons', 'order_refunds', 'order_refund_items', 'order_findings',
                                 'variation_attributes', 'refund_items', 'sync_logs', 'sync_payloads', 'sync_record_errors', 'pull_runs', 'pull_pages',
                                 'stale_arrivals', 'sync_coverage', 'erp_products', 'erp_categories', 'wc_sync_items',
                                 'wc_sync_batches', 'wc_product_sync_mappings', 'wc_order_events'))
         GROUP BY c.oid, c.relname
    LOOP
        -- 28 bytes: what a row takes besides its columns.
        parts := parts || format(
            'SELECT store_id, sum(28 + %s) * %s AS bytes FROM public.%I TABLESAMPLE SYSTEM (%s) GROUP BY store_id',
            part.row_bytes, greatest(part.blocks::numeric / most_blocks, 1), part.relname,
            least(100.0 * most_blocks / part.blocks, 100));
    END LOOP;
    DELETE FROM public.store_storage;
    EXECUTE 'INSERT INTO public.store_storage (store_id, bytes)
             SELECT s.id, coalesce(sum(p.bytes), 0) FROM public.stores s
               LEFT JOIN (' || array_to_string(parts, ' UNION ALL ') || ') p ON p.store_id = s.id GROUP BY s.id';
    GET DIAGNOSTICS measured = ROW_COUNT;
    RETURN measured;
END
$$;
REVOKE ALL ON FUNCTION measure_storage(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_storage(integer, interval) TO sluice_app;

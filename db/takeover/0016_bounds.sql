-- Bounds on what one store may take: problems of records that are counted and not listed, and bytes of storage.

ALTER TABLE sync_logs ADD COLUMN unlisted_errors integer NOT NULL DEFAULT 0; -- problems beyond the listed ones

-- How much each store takes, as the dispatcher last measured it.
CREATE TABLE store_storage (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    bytes             bigint NOT NULL,      -- of rows and their texts, without indexes
    measured_at       timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE store_storage ENABLE ROW LEVEL SECURITY;
ALTER TABLE store_storage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON store_storage USING (store_id = (SELECT public.current_store()));
CREATE POLICY across_stores ON store_storage TO sluice_system USING (true);
GRANT SELECT ON store_storage TO sluice_app;
GRANT SELECT, INSERT, DELETE ON store_storage TO sluice_system;

-- What is measured and had no reader across stores until now. Only the function below reads them so, and it tells sizes alone.
DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['orders', 'order_items', 'products', 'customers', 'categories', 'sync_payloads',
        'sync_record_errors', 'pull_runs', 'pull_pages', 'stale_arrivals', 'erp_products', 'erp_categories',
        'wc_product_sync_mappings']
    LOOP
        EXECUTE format('CREATE POLICY across_stores ON %I FOR SELECT TO sluice_system USING (true)', tenant_table);
        EXECUTE format('GRANT SELECT ON %I TO sluice_system', tenant_table);
    END LOOP;
END
$$;

SET LOCAL ROLE sluice_system;

-- Replaces what is known of all stores. Of each table it reads `most_blocks` at most, picked by chance, so that its cost does not
-- grow with the tables; a table of fewer blocks is measured exactly. pg_column_size reads no text that is stored out of line.
-- Answers how many stores were measured; NULL where another dispatcher did it within `pause`, or does it now.
CREATE FUNCTION measure_storage(most_blocks integer, pause interval) RETURNS bigint
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
           AND c.relname IN ('orders', 'order_items', 'products', 'customers', 'categories', 'sync_logs', 'sync_payloads',
                             'sync_record_errors', 'pull_runs', 'pull_pages', 'stale_arrivals', 'sync_coverage',
                             'erp_products', 'erp_categories', 'wc_sync_items', 'wc_sync_batches',
                             'wc_product_sync_mappings', 'wc_order_events')
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

-- The stores that take more than that; ids alone.
CREATE FUNCTION full_stores(most_bytes bigint) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.store_id FROM public.store_storage s WHERE s.bytes > most_bytes;
    END;

-- Runs and holds that ended long ago, once none of their items is left. A hold that a person rejected has ended, too.
CREATE OR REPLACE FUNCTION dispatch_prune_push_runs(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, b.id
              FROM public.stores s
             CROSS JOIN unnest(ARRAY['completed', 'approved', 'released', 'rejected']) ended (status),
           LATERAL (SELECT n.id
                      FROM public.wc_sync_batches n
                     WHERE n.store_id = s.id AND n.status = ended.status AND n.created_at < now() - older_than
                       AND NOT EXISTS (SELECT FROM public.wc_sync_items i WHERE i.store_id = n.store_id AND i.batch_id = n.id)
                       AND NOT EXISTS (SELECT FROM public.wc_sync_items i WHERE i.store_id = n.store_id AND i.hold_id = n.id)
                     ORDER BY n.created_at
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) b
             LIMIT most
        ), gone AS (
            DELETE FROM public.wc_sync_batches b
             USING old
             WHERE b.store_id = old.store_id AND b.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

REVOKE ALL ON FUNCTION measure_storage(integer, interval), full_stores(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_storage(integer, interval), full_stores(bigint) TO sluice_app;
RESET ROLE;

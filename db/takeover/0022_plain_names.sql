-- The last step to the state of 0001_baseline: plain names, pages that 0021 left out, and policies as narrow as their grants.

ALTER TABLE wc_sync_items RENAME COLUMN weighed TO checked_by_brakes;
ALTER INDEX wc_sync_items_unweighed RENAME TO wc_sync_items_unchecked;
ALTER INDEX wc_sync_items_in_hand RENAME TO wc_sync_items_syncing;
ALTER TABLE erp_products RENAME COLUMN part_hashes TO group_hashes;
ALTER TABLE alerts RENAME COLUMN raise_told_at TO raise_notified_at;
ALTER TABLE alerts RENAME COLUMN recovery_told_at TO recovery_notified_at;
ALTER INDEX alerts_untold RENAME TO alerts_to_notify;
ALTER TABLE sync_logs RENAME CONSTRAINT known_words TO known_values;
ALTER FUNCTION are_log_words(text, text, text, text, text, text) RENAME TO are_known_log_values;

-- 0021 renamed fields in the pages that pulls keep, but read each page's entity from sync_logs, of which the owner saw no row. A page
-- that is renamed already stays as it is. A quote inside a text is escaped, so only names of fields match.
ALTER TABLE pull_runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_logs NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION pg_temp.renamed(page bytea, entity text) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN convert_to(
        replace(replace(replace(replace(convert_from(page, 'UTF8'),
            CASE entity WHEN 'orders' THEN '"wc_product_id":' ELSE '"-":' END, '"product_external_id":'),
            CASE entity WHEN 'orders' THEN '"wc_customer_id":' ELSE '"-":' END, '"customer_external_id":'),
            '"wc_category_id":', '"category_external_id":'),
            CASE entity WHEN 'orders' THEN '"wc_order_id":' WHEN 'products' THEN '"wc_product_id":' ELSE '"wc_customer_id":' END,
            '"external_id":'), 'UTF8');
UPDATE pull_runs r
   SET page = pg_temp.renamed(r.page, l.entity), rest_page = pg_temp.renamed(r.rest_page, l.entity)
  FROM sync_logs l
 WHERE l.store_id = r.store_id AND l.id = r.log_id AND (r.page IS NOT NULL OR r.rest_page IS NOT NULL);
DROP FUNCTION pg_temp.renamed(bytea, text);
ALTER TABLE pull_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_logs FORCE ROW LEVEL SECURITY;

-- PostgreSQL 18 names what says NOT NULL, and the name does not follow when a column is renamed.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        ALTER TABLE categories RENAME CONSTRAINT categories_wc_category_id_not_null TO categories_external_id_not_null;
        ALTER TABLE wc_sync_items RENAME CONSTRAINT wc_sync_items_weighed_not_null TO wc_sync_items_checked_by_brakes_not_null;
        ALTER TABLE erp_products RENAME CONSTRAINT erp_products_part_hashes_not_null TO erp_products_group_hashes_not_null;
    END IF;
END
$$;

DO $$
DECLARE
    read_only text;
BEGIN
    FOREACH read_only IN ARRAY ARRAY['schedules', 'sync_metadata', 'wc_order_events', 'wc_push_leases', 'wc_schedules'] LOOP
        EXECUTE format('DROP POLICY across_stores ON %I', read_only);
        EXECUTE format('CREATE POLICY across_stores ON %I FOR SELECT TO sluice_system USING (true)', read_only);
    END LOOP;
END
$$;

-- db/functions has these under other names.
SET LOCAL ROLE sluice_system;
DROP FUNCTION dispatch_mend_times(), dispatch_prune(interval, integer), dispatch_push(integer), dispatch_prune_push(interval, integer),
    dispatch_prune_push_runs(interval, integer), count_push_backlog(), list_due_push_tasks(integer), full_stores(bigint);
RESET ROLE;

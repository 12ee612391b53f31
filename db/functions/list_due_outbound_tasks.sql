-- Scheduled tasks of WooCommerce stores that are due or were never planned.
-- Each is then run with its own store set.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_due_outbound_tasks(most integer) RETURNS TABLE (store_id uuid, task text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id, t.task
          FROM stores s
         CROSS JOIN unnest(ARRAY['full', 'retry', 'orders', 'drift']) t (task)
          LEFT JOIN wc_schedules c ON c.store_id = s.id AND c.task = t.task
         WHERE s.platform = 'woocommerce' AND s.shop_url IS NOT NULL AND s.credentials IS NOT NULL
           AND (c.next_run_at IS NULL OR c.next_run_at <= clock_timestamp())
         LIMIT most;
    END;
REVOKE ALL ON FUNCTION list_due_outbound_tasks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_due_outbound_tasks(integer) TO sluice_app;

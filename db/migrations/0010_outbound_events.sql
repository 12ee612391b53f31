-- Outbound: orders that are to be told of, holds that a person rejected, and service levels in figures.

-- An order that a pull found to be waiting for the merchant (`processing`) is told of as woocommerce.order_received: noted in the
-- transaction that stored it, published afterwards. The row stays, so that a later pull does not tell of it again.
CREATE TABLE wc_order_events (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    order_id          uuid NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    published_at      timestamptz,          -- NULL: still to be published
    PRIMARY KEY (store_id, order_id),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);
CREATE INDEX wc_order_events_waiting ON wc_order_events (store_id, created_at) WHERE published_at IS NULL;

ALTER TABLE wc_order_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE wc_order_events FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON wc_order_events USING (store_id = (SELECT current_store()));
CREATE POLICY across_stores ON wc_order_events TO sluice_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON wc_order_events TO sluice_app;
GRANT SELECT ON wc_order_events TO sluice_system;

ALTER TABLE wc_sync_batches DROP CONSTRAINT wc_sync_batches_status_check;
ALTER TABLE wc_sync_batches ADD CONSTRAINT wc_sync_batches_status_check
    CHECK (status IN ('syncing', 'completed', 'needs_approval', 'approved', 'released', 'rejected'));

CREATE INDEX wc_sync_items_breached ON wc_sync_items (store_id, sync_type, status, breach) WHERE breach IS NOT NULL;

-- Stores with orders that are still to be published.
CREATE FUNCTION dispatch_order_events(most integer) RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT DISTINCT e.store_id FROM wc_order_events e WHERE e.published_at IS NULL LIMIT most;
    END;

-- Items of all stores that ended past their deadline, by type, how they ended, and what took most of their time (queue,
-- platform, backoff, validation). Of those that are kept: a counter that falls as old items are pruned.
CREATE FUNCTION count_sla_breaches() RETURNS TABLE (sync_type text, status text, attribution text, items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT i.sync_type, i.status, i.breach, count(*)
          FROM wc_sync_items i
         WHERE i.breach IS NOT NULL
         GROUP BY i.sync_type, i.status, i.breach;
    END;

-- Items of all stores that are open or failed, by type and status, with how many of the open ones are past their deadline, and
-- the age of the oldest in seconds.
CREATE FUNCTION count_push_items()
    RETURNS TABLE (sync_type text, status text, items bigint, overdue bigint, oldest_seconds double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT i.sync_type, i.status, count(*),
               count(*) FILTER (WHERE i.status IN ('pending', 'syncing') AND i.due_at < clock_timestamp()),
               extract(epoch FROM clock_timestamp() - min(i.created_at))::float8
          FROM stores s
          JOIN wc_sync_items i ON i.store_id = s.id AND i.status IN ('pending', 'syncing', 'failed', 'needs_approval')
         GROUP BY i.sync_type, i.status;
    END;

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION dispatch_order_events(integer), count_sla_breaches(), count_push_items() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_order_events(integer), count_sla_breaches(), count_push_items() TO sluice_app;
ALTER FUNCTION dispatch_order_events(integer) OWNER TO sluice_system;
ALTER FUNCTION count_sla_breaches() OWNER TO sluice_system;
ALTER FUNCTION count_push_items() OWNER TO sluice_system;

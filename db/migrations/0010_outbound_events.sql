-- Outbound: orders that are to be told of, and holds that a person rejected.

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

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION dispatch_order_events(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_order_events(integer) TO sluice_app;
ALTER FUNCTION dispatch_order_events(integer) OWNER TO sluice_system;

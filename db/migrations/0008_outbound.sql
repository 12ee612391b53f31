-- Outbound: the ERP's catalogue, the sync items that carry its changes to WooCommerce, and what was last sent there.
-- An item says that something may have changed, never what: whoever sends it reads the ERP's rows as they are by then.

CREATE TABLE erp_categories (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    category_id       uuid NOT NULL,        -- the ERP's own id
    name              text NOT NULL,
    parent_id         uuid,                 -- another category's id, which may arrive later
    version           bigint,               -- the ERP's own, where it has one
    content_hash      text NOT NULL,
    wc_category_id    bigint,               -- NULL: not in the shop yet, as far as we know
    sent_hash         text,                 -- content_hash of what the shop last got
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, category_id)
);
CREATE INDEX erp_categories_by_parent ON erp_categories (store_id, parent_id) WHERE parent_id IS NOT NULL;

-- part_hashes: one hash for each part of a product that can be sent by itself (price, stock, product, category, image).
CREATE TABLE erp_products (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    product_id        uuid NOT NULL,        -- the ERP's own id
    sku               text NOT NULL,
    name              text NOT NULL,
    description       text,
    regular_price     numeric(20, 6),
    sale_price        numeric(20, 6),
    sale_from         timestamptz,
    sale_to           timestamptz,
    manage_stock      boolean NOT NULL,
    stock_quantity    bigint,
    image_urls        text[] NOT NULL,
    category_ids      uuid[] NOT NULL,      -- of erp_categories, which may arrive later
    allow_manual_woocommerce_offers boolean NOT NULL,
    version           bigint,               -- the ERP's own, where it has one
    part_hashes       jsonb NOT NULL,
    create_begun_at   timestamptz,          -- a call that may have created it in the shop was begun
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, product_id)
) WITH (fillfactor = 80);
CREATE INDEX erp_products_by_sku ON erp_products (store_id, sku);

-- A run (all products, all categories), or a hold: the items of a store that brakes stopped, with a preview of them.
-- Its items go out in calls of at most batch_size.
CREATE TABLE wc_sync_batches (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('full', 'categories', 'hold')),
    status            text NOT NULL CHECK (status IN ('syncing', 'completed', 'needs_approval', 'approved', 'released')),
    batch_size        integer NOT NULL DEFAULT 100,
    total_items       integer NOT NULL DEFAULT 0,
    success_count     integer NOT NULL DEFAULT 0,
    fail_count        integer NOT NULL DEFAULT 0,
    preview           jsonb,
    started_at        timestamptz,
    completed_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id)
);
CREATE INDEX wc_sync_batches_by_status ON wc_sync_batches (store_id, status, created_at);
-- A store has one hold at a time; whatever brakes stop meanwhile joins it.
CREATE UNIQUE INDEX wc_sync_batches_open_hold ON wc_sync_batches (store_id) WHERE kind = 'hold' AND status = 'needs_approval';

CREATE TABLE wc_sync_items (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    product_id        uuid,
    category_id       uuid,
    wc_id             bigint,               -- of the product or category in the shop, once known
    sync_type         text NOT NULL CHECK (sync_type IN ('price', 'stock', 'product', 'category', 'image')),
    priority          smallint NOT NULL,    -- 1 goes first
    status            text NOT NULL CHECK (status IN ('pending', 'syncing', 'completed', 'failed', 'needs_approval', 'superseded')),
    payload           jsonb NOT NULL DEFAULT '{}',   -- who asked for it; never the values that go out
    requests          integer NOT NULL DEFAULT 1,    -- how many events and requests it stands for
    force             boolean NOT NULL DEFAULT false,
    weighed           boolean NOT NULL DEFAULT false,  -- brakes have looked at it; nothing else is claimed
    approved          boolean NOT NULL DEFAULT false,  -- brakes let it pass
    batch_id          uuid,
    hold_id           uuid,
    attempts          integer NOT NULL DEFAULT 0,
    max_attempts      integer NOT NULL DEFAULT 3,
    next_attempt_at   timestamptz NOT NULL DEFAULT now(),
    last_attempt      timestamptz,
    claim_id          uuid,                 -- the call that carries it
    claimed_by        uuid,                 -- the holder of the store's lease at that time
    error_code        text,
    error_message     text,                 -- plain words for the tenant; never exception text
    retryable         boolean,              -- of a failed item: whether trying again may help
    due_at            timestamptz NOT NULL, -- created_at plus what the service level allows
    completed_at      timestamptz,
    platform_seconds  real NOT NULL DEFAULT 0,
    backoff_seconds   real NOT NULL DEFAULT 0,
    validation_seconds real NOT NULL DEFAULT 0,
    breach            text CHECK (breach IN ('queue', 'platform', 'backoff', 'validation')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    CONSTRAINT one_target CHECK (num_nonnulls(product_id, category_id) = 1),
    CONSTRAINT failed_says_why CHECK (status <> 'failed' OR (error_code IS NOT NULL AND retryable IS NOT NULL)),
    CONSTRAINT syncing_is_claimed CHECK ((status = 'syncing') = (claim_id IS NOT NULL AND claimed_by IS NOT NULL)),
    FOREIGN KEY (store_id, batch_id) REFERENCES wc_sync_batches (store_id, id) ON DELETE SET NULL (batch_id),
    FOREIGN KEY (store_id, hold_id) REFERENCES wc_sync_batches (store_id, id) ON DELETE SET NULL (hold_id)
) WITH (fillfactor = 70);
CREATE INDEX wc_sync_items_by_status ON wc_sync_items (store_id, status, created_at);
CREATE INDEX wc_sync_items_by_product ON wc_sync_items (store_id, product_id);
CREATE INDEX wc_sync_items_by_type ON wc_sync_items (store_id, sync_type, status);
CREATE INDEX wc_sync_items_by_batch ON wc_sync_items (store_id, batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX wc_sync_items_by_hold ON wc_sync_items (store_id, hold_id) WHERE hold_id IS NOT NULL;
-- The order in which items are claimed.
CREATE INDEX wc_sync_items_next ON wc_sync_items (store_id, priority, created_at, id) WHERE status = 'pending';
CREATE INDEX wc_sync_items_unweighed ON wc_sync_items (store_id) WHERE status = 'pending' AND NOT weighed;
CREATE INDEX wc_sync_items_in_hand ON wc_sync_items (store_id, product_id) WHERE status = 'syncing';
-- A second change of the same kind joins the item that still waits.
CREATE UNIQUE INDEX wc_sync_items_one_pending ON wc_sync_items (store_id, product_id, sync_type)
    WHERE status = 'pending' AND product_id IS NOT NULL;
CREATE UNIQUE INDEX wc_sync_items_one_pending_category ON wc_sync_items (store_id, category_id)
    WHERE status = 'pending' AND category_id IS NOT NULL;
CREATE INDEX wc_sync_items_by_age ON wc_sync_items USING brin (created_at);

-- Which product of the shop is which of the ERP's, and what the shop last got from us: the hash of each part, and the
-- figures that brakes look at.
CREATE TABLE wc_product_sync_mappings (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    internal_product_id uuid NOT NULL,
    wc_product_id     bigint NOT NULL,
    last_synced       timestamptz NOT NULL,
    sync_status       text NOT NULL CHECK (sync_status IN ('synced', 'adopted', 'failed')),
    error_message     text,
    sent_hashes       jsonb NOT NULL DEFAULT '{}',
    sent_regular_price numeric(20, 6),
    sent_sale_price   numeric(20, 6),
    sent_stock        bigint,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, internal_product_id),
    UNIQUE (store_id, wc_product_id)
) WITH (fillfactor = 80);
CREATE INDEX wc_product_sync_mappings_by_status ON wc_product_sync_mappings (store_id, sync_status);
CREATE INDEX wc_product_sync_mappings_by_age ON wc_product_sync_mappings (store_id, last_synced);

-- Who sends for a store, and until when: one process at a time, so that a shop sees a bounded number of calls. After 429
-- nobody sends before resume_at.
CREATE TABLE wc_push_leases (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    holder            uuid,
    lease_until       timestamptz,
    resume_at         timestamptz,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 50);

-- When each store's full sync, retry of failed items and pull of orders are due next; a tick is had once.
CREATE TABLE wc_schedules (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    task              text NOT NULL CHECK (task IN ('full', 'retry', 'orders')),
    next_run_at       timestamptz NOT NULL,
    PRIMARY KEY (store_id, task)
) WITH (fillfactor = 50);

-- Orders are pulled from WooCommerce as well.
ALTER TABLE sync_logs DROP CONSTRAINT sync_logs_source_check;
ALTER TABLE sync_logs ADD CONSTRAINT sync_logs_source_check CHECK (source IN ('plugin', 'shopify', 'tiktok', 'woocommerce'));

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['erp_categories', 'erp_products', 'wc_sync_batches', 'wc_sync_items',
                                        'wc_product_sync_mappings', 'wc_push_leases', 'wc_schedules'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
    END LOOP;
END
$$;

CREATE POLICY across_stores ON wc_sync_items TO sluice_system USING (true);
CREATE POLICY across_stores ON wc_sync_batches TO sluice_system USING (true);
CREATE POLICY across_stores ON wc_push_leases TO sluice_system USING (true);
CREATE POLICY across_stores ON wc_schedules TO sluice_system USING (true);
GRANT SELECT, UPDATE, DELETE ON wc_sync_items, wc_sync_batches TO sluice_system;
GRANT SELECT ON wc_push_leases, wc_schedules TO sluice_system;

-- Stores with something to send now: a pending item that is due, or one in the hands of a process that is gone.
CREATE FUNCTION dispatch_push(most integer) RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.id
          FROM stores s
          LEFT JOIN wc_push_leases l ON l.store_id = s.id
         WHERE (l.lease_until IS NULL OR l.lease_until <= clock_timestamp())
           AND (l.resume_at IS NULL OR l.resume_at <= clock_timestamp())
           AND (EXISTS (SELECT FROM wc_sync_items i
                         WHERE i.store_id = s.id AND i.status = 'pending' AND i.next_attempt_at <= clock_timestamp())
                OR EXISTS (SELECT FROM wc_sync_items i WHERE i.store_id = s.id AND i.status = 'syncing'))
         LIMIT most;
    END;

-- What waits, by store and type: how many, how many past their deadline, and since when. For alerts and metrics.
CREATE FUNCTION count_push_backlog()
    RETURNS TABLE (store_id uuid, sync_type text, waiting bigint, overdue bigint, oldest_created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT i.store_id, i.sync_type, count(*), count(*) FILTER (WHERE i.due_at < clock_timestamp()), min(i.created_at)
          FROM stores s
          JOIN wc_sync_items i ON i.store_id = s.id AND i.status IN ('pending', 'syncing')
         GROUP BY i.store_id, i.sync_type;
    END;

-- Items and runs that ended long ago.
CREATE FUNCTION dispatch_prune_push(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT i.store_id, i.id
              FROM wc_sync_items i
             WHERE i.created_at < now() - older_than AND i.status IN ('completed', 'failed', 'superseded')
             LIMIT most
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM wc_sync_items i
             USING old
             WHERE i.store_id = old.store_id AND i.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- Which tasks of which WooCommerce stores are due, or were never planned; each is run inside its own store's wall.
CREATE FUNCTION list_due_push_tasks(most integer) RETURNS TABLE (store_id uuid, task text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.id, t.task
          FROM stores s
         CROSS JOIN unnest(ARRAY['full', 'retry', 'orders']) t (task)
          LEFT JOIN wc_schedules c ON c.store_id = s.id AND c.task = t.task
         WHERE s.platform = 'woocommerce' AND s.shop_url IS NOT NULL AND s.credentials IS NOT NULL
           AND (c.next_run_at IS NULL OR c.next_run_at <= clock_timestamp())
         LIMIT most;
    END;

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION dispatch_push(integer), count_push_backlog(), dispatch_prune_push(interval, integer),
    list_due_push_tasks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_push(integer), count_push_backlog(), dispatch_prune_push(interval, integer),
    list_due_push_tasks(integer) TO sluice_app;
ALTER FUNCTION dispatch_push(integer) OWNER TO sluice_system;
ALTER FUNCTION count_push_backlog() OWNER TO sluice_system;
ALTER FUNCTION dispatch_prune_push(interval, integer) OWNER TO sluice_system;
ALTER FUNCTION list_due_push_tasks(integer) OWNER TO sluice_system;

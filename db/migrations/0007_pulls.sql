-- Pulls: runs that fetch a platform's records page by page, their watermarks, what they covered, and their schedules.

-- A store's records carry the id of the store's own platform. Partial indexes, so that the others cost nothing.
-- While a table is new, the planner takes any whole index on store_id for as good as the primary key, and each foreign key
-- check may then walk all rows of the store. So WooCommerce's index is made partial, too, and the primary key of the orders the
-- youngest of theirs: among equals the youngest is taken.
ALTER TABLE orders ALTER COLUMN wc_order_id DROP NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_store_id_wc_order_id_key;
CREATE UNIQUE INDEX orders_of_woocommerce ON orders (store_id, wc_order_id) WHERE wc_order_id IS NOT NULL;
ALTER TABLE orders ADD COLUMN shopify_order_id bigint, ADD COLUMN tiktok_order_id bigint;
ALTER TABLE orders ADD CONSTRAINT one_platform_id CHECK (num_nonnulls(wc_order_id, shopify_order_id, tiktok_order_id) = 1);
CREATE UNIQUE INDEX orders_of_shopify ON orders (store_id, shopify_order_id) WHERE shopify_order_id IS NOT NULL;
CREATE UNIQUE INDEX orders_of_tiktok ON orders (store_id, tiktok_order_id) WHERE tiktok_order_id IS NOT NULL;
ALTER TABLE order_items DROP CONSTRAINT order_items_store_id_order_id_fkey;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
ALTER TABLE orders ADD PRIMARY KEY (store_id, id);
ALTER TABLE order_items ADD FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE;

ALTER TABLE products ALTER COLUMN wc_product_id DROP NOT NULL;
ALTER TABLE products DROP CONSTRAINT products_store_id_wc_product_id_key;
CREATE UNIQUE INDEX products_of_woocommerce ON products (store_id, wc_product_id) WHERE wc_product_id IS NOT NULL;
ALTER TABLE products ADD COLUMN shopify_product_id bigint, ADD COLUMN tiktok_product_id bigint;
ALTER TABLE products
    ADD CONSTRAINT one_platform_id CHECK (num_nonnulls(wc_product_id, shopify_product_id, tiktok_product_id) = 1);
CREATE UNIQUE INDEX products_of_shopify ON products (store_id, shopify_product_id) WHERE shopify_product_id IS NOT NULL;
CREATE UNIQUE INDEX products_of_tiktok ON products (store_id, tiktok_product_id) WHERE tiktok_product_id IS NOT NULL;

ALTER TABLE customers ALTER COLUMN wc_customer_id DROP NOT NULL;
ALTER TABLE customers DROP CONSTRAINT customers_store_id_wc_customer_id_key;
CREATE UNIQUE INDEX customers_of_woocommerce ON customers (store_id, wc_customer_id) WHERE wc_customer_id IS NOT NULL;
ALTER TABLE customers ADD COLUMN shopify_customer_id bigint, ADD COLUMN tiktok_customer_id bigint;
ALTER TABLE customers
    ADD CONSTRAINT one_platform_id CHECK (num_nonnulls(wc_customer_id, shopify_customer_id, tiktok_customer_id) = 1);
CREATE UNIQUE INDEX customers_of_shopify ON customers (store_id, shopify_customer_id) WHERE shopify_customer_id IS NOT NULL;
CREATE UNIQUE INDEX customers_of_tiktok ON customers (store_id, tiktok_customer_id) WHERE tiktok_customer_id IS NOT NULL;

COMMENT ON COLUMN orders.wc_customer_id IS 'the customer as the store''s own platform numbers it, whichever platform that is';
COMMENT ON COLUMN order_items.wc_product_id IS 'the product as the store''s own platform numbers it, whichever platform that is';

-- A pull is a sync log of the queue `pull`: it counts page by page, can be paused, and stays outside a store's window of batches.
ALTER TABLE sync_logs ADD COLUMN queue text NOT NULL DEFAULT 'ingest' CHECK (queue IN ('ingest', 'pull'));
ALTER TABLE sync_logs DROP CONSTRAINT sync_logs_source_check;
ALTER TABLE sync_logs ADD CONSTRAINT sync_logs_source_check CHECK (source IN ('plugin', 'shopify', 'tiktok'));
ALTER TABLE sync_logs DROP CONSTRAINT sync_logs_mode_check;
ALTER TABLE sync_logs ADD CONSTRAINT sync_logs_mode_check
    CHECK (mode IN ('upsert', 'populate', 'update', 'incremental', 'full', 'fill'));
ALTER TABLE sync_logs DROP CONSTRAINT sync_logs_status_check;
ALTER TABLE sync_logs ADD CONSTRAINT sync_logs_status_check
    CHECK (status IN ('running', 'completed', 'failed', 'cancelled', 'paused'));
ALTER TABLE sync_logs ADD CONSTRAINT only_pulls_pause CHECK (status <> 'paused' OR queue = 'pull');

-- One run of a store and entity at a time; a paused one still has its place.
CREATE UNIQUE INDEX sync_logs_one_pull ON sync_logs (store_id, entity)
    WHERE queue = 'pull' AND status IN ('running', 'paused');
-- What became of a record: explained by its platform's id.
CREATE INDEX sync_record_errors_by_record ON sync_record_errors (store_id, external_id) WHERE external_id IS NOT NULL;

-- Each page takes its place in the order of acceptance before it is fetched.
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO sluice_app', pg_get_serial_sequence('sync_logs', 'accepted_seq'));
END
$$;

-- Where a run stands. `cursor` names the page to fetch next; a page that is fetched and not yet applied waits in `page`.
CREATE TABLE pull_runs (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    windows           jsonb NOT NULL,       -- which records it reads, one window after the other
    options           jsonb NOT NULL,       -- as they were asked for
    max_records       integer CHECK (max_records > 0),
    base_watermark    timestamptz,          -- where the watermark stood at the start; what changed before it arrives late
    epoch             integer NOT NULL DEFAULT 0,   -- who works on it: one that finds another number stands aside
    window_no         integer NOT NULL DEFAULT 0,
    cursor            text,                 -- NULL: the first page of the window
    is_fetched        boolean NOT NULL DEFAULT false,
    pages             integer NOT NULL DEFAULT 0,
    fetched           integer NOT NULL DEFAULT 0,   -- records, those of the waiting page included
    total             bigint,               -- of all windows, where the platform tells it
    page              bytea,                -- plain records of the waiting page: known fields, no e-mail address
    watermark         timestamptz,          -- the platform's clock before the first fetch
    read_to           timestamptz,          -- the newest time of change applied
    in_order          boolean NOT NULL DEFAULT true,    -- times of change never went back from record to record
    lowest_id         bigint,
    highest_id        bigint,
    late_by           interval,             -- the latest arrival behind base_watermark
    rest              jsonb,                -- what it leaves unread for the next run, having reached max_records
    rest_page         bytea,
    work_seconds      double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (store_id, log_id),
    FOREIGN KEY (store_id, log_id) REFERENCES sync_logs (store_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 10000);
ALTER TABLE pull_runs ALTER COLUMN page SET STORAGE EXTERNAL;

-- The pages that were applied: which run wrote a row, by the row's accepted_seq.
CREATE TABLE pull_pages (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    page_no           integer NOT NULL,
    accepted_seq      bigint NOT NULL,
    records           integer NOT NULL,
    applied_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, log_id, page_no),
    FOREIGN KEY (store_id, log_id) REFERENCES sync_logs (store_id, id) ON DELETE CASCADE
);
CREATE INDEX pull_pages_by_seq ON pull_pages (store_id, accepted_seq);

-- Records that came with an older version than the one that stood: the last such arrival of each.
CREATE TABLE stale_arrivals (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL CHECK (entity IN ('orders', 'products', 'customers', 'categories')),
    external_id       bigint NOT NULL,
    log_id            uuid NOT NULL,        -- without a reference: the log may be pruned
    offered_version   timestamptz NOT NULL,
    arrived_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, entity, external_id)
);

-- Watermarks, in the words of specification 5: what changed before last_sync_time has been read.
CREATE TABLE sync_metadata (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    sync_type         text NOT NULL CHECK (sync_type IN ('orders', 'products', 'customers', 'categories')),
    last_sync_time    timestamptz,
    last_record_time  timestamptz,
    records_synced    bigint NOT NULL DEFAULT 0,
    is_full_sync      boolean NOT NULL DEFAULT false,
    overlap           interval NOT NULL DEFAULT interval '5 minutes',
    lateness          interval,             -- of the last run that met a late record
    worst_lateness    interval,
    populated_to      bigint,               -- the highest id of the last completed populate
    populated_from    timestamptz,          -- it read what was created from here on; NULL with populated_to: everything
    populated_at      timestamptz,
    lowest_id         bigint,               -- the lowest id that a walk over everything has met
    rest              jsonb,                -- what a run that reached max_records left for the next one
    rest_page         bytea,                -- fetched already: plain records, as in pull_runs.page
    PRIMARY KEY (store_id, sync_type)
);

-- Which changes were read: everything that changed from covered_from (NULL: ever) until before covered_until.
CREATE TABLE sync_coverage (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                bigint GENERATED ALWAYS AS IDENTITY,
    entity            text NOT NULL CHECK (entity IN ('orders', 'products', 'customers', 'categories')),
    covered_from      timestamptz,
    covered_until     timestamptz NOT NULL,
    mode              text NOT NULL,
    log_id            uuid NOT NULL,        -- without a reference: the ledger outlives the logs
    is_complete       boolean NOT NULL,     -- false where changes of records that stood already were skipped
    recorded_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id)
);
CREATE INDEX sync_coverage_by_entity ON sync_coverage (store_id, entity, covered_until);

-- When to pull what: one schedule a store and entity, by a cron expression (UTC) or every so many seconds.
CREATE TABLE schedules (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL CHECK (entity IN ('orders', 'products', 'customers')),
    mode              text NOT NULL CHECK (mode IN ('incremental', 'update', 'populate', 'full')),
    stale_after_mins  integer CHECK (stale_after_mins > 0),
    cron              text,
    every_seconds     integer CHECK (every_seconds > 0),
    next_run_at       timestamptz NOT NULL,
    last_run_at       timestamptz,
    last_log_id       uuid,                 -- NULL after a tick that found a run in progress
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, entity),
    CONSTRAINT cron_or_interval CHECK (num_nonnulls(cron, every_seconds) = 1),
    CONSTRAINT update_says_how_stale CHECK ((mode = 'update') = (stale_after_mins IS NOT NULL))
);
CREATE INDEX schedules_due ON schedules (next_run_at);

-- Who may refresh a store's access token: the platform takes each refresh token once, and calls are made meanwhile.
CREATE TABLE refresh_leases (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    holder            uuid NOT NULL,
    held_until        timestamptz NOT NULL
);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['pull_runs', 'pull_pages', 'stale_arrivals', 'sync_metadata', 'sync_coverage', 'schedules',
        'refresh_leases']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
    END LOOP;
END
$$;
CREATE POLICY across_stores ON schedules TO sluice_system USING (true);
GRANT SELECT ON schedules TO sluice_system;

-- The functions of 0004 and 0005, with pulls kept apart: a window holds batches alone. Only their owner may change them.
SET LOCAL ROLE sluice_system;
DROP FUNCTION dispatch_stranded(uuid[], integer, integer);
CREATE FUNCTION dispatch_stranded(waiting uuid[], most_attempts integer, most integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer, queue text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        -- A pull that is being worked on is not due: its worker moves next_attempt_at ahead while it lives.
        WITH stranded AS MATERIALIZED (
                SELECT s.store_id, s.id
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                   AND s.next_attempt_at <= clock_timestamp()
                   AND s.attempts < most_attempts
                   AND s.enqueued_at < clock_timestamp() - make_interval(secs =>
                       CASE WHEN s.queue = 'pull' THEN 2
                            ELSE power(2, least(greatest(s.enqueues - s.attempts, 0), 3)) END)
                   AND s.id <> ALL (waiting)
                 ORDER BY s.next_attempt_at
                 LIMIT most
                   FOR UPDATE SKIP LOCKED
        )
        UPDATE sync_logs l
           SET enqueues = l.enqueues + 1,
               enqueued_at = clock_timestamp(),
               phase = CASE WHEN l.attempts > 0 THEN 'retrying' ELSE 'queued' END
          FROM stranded
         WHERE l.store_id = stranded.store_id AND l.id = stranded.id
        RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received, l.queue;
    END;

CREATE OR REPLACE FUNCTION dispatch_admit(window_size integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH admitted AS MATERIALIZED (
                SELECT w.store_id, next.id
                  FROM (SELECT DISTINCT s.store_id FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NULL) w,
               LATERAL (SELECT greatest(window_size - count(*), 0) AS room
                          FROM sync_logs o
                         WHERE o.store_id = w.store_id AND o.status = 'running' AND o.enqueued_at IS NOT NULL
                           AND o.queue = 'ingest') r,
               LATERAL (SELECT n.id
                          FROM sync_logs n
                         WHERE n.store_id = w.store_id AND n.status = 'running' AND n.enqueued_at IS NULL
                         ORDER BY n.accepted_seq
                         LIMIT r.room
                           FOR UPDATE SKIP LOCKED) next
        )
        UPDATE sync_logs l
           SET enqueues = l.enqueues + 1, enqueued_at = clock_timestamp()
          FROM admitted
         WHERE l.store_id = admitted.store_id AND l.id = admitted.id
        RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received;
    END;

CREATE OR REPLACE FUNCTION dispatch_prune(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.store_id, s.id
              FROM sync_logs s
             WHERE s.accepted_at < now() - older_than AND s.status NOT IN ('running', 'paused')
             LIMIT most
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM sync_logs l
             USING old
             WHERE l.store_id = old.store_id AND l.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- Which schedules are due; each is run inside its own store's wall.
CREATE FUNCTION list_due_schedules(most integer) RETURNS TABLE (store_id uuid, entity text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.store_id, s.entity FROM schedules s WHERE s.next_run_at <= clock_timestamp() ORDER BY s.next_run_at LIMIT most;
    END;

REVOKE ALL ON FUNCTION dispatch_stranded(uuid[], integer, integer), list_due_schedules(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_stranded(uuid[], integer, integer), list_due_schedules(integer) TO sluice_app;
RESET ROLE;

CREATE OR REPLACE FUNCTION accept_log(
    of_store uuid, new_log uuid, of_entity text, of_source text, of_mode text, record_count integer, batch bytea,
    idem_key text, body_fingerprint bytea, request text, window_size integer, most_open integer
) RETURNS TABLE (verdict text, log_id uuid, enqueue_no integer)
    LANGUAGE plpgsql VOLATILE -- and no SET: it runs with its caller's rights, and a setting a call costs a fifth of its time
AS $$
DECLARE
    admitted integer;
    has_room boolean;
BEGIN
    PERFORM set_config('app.store_id', of_store::text, true);
    IF record_count > 0 THEN
        SELECT count(*) INTO admitted
          FROM (SELECT FROM sync_logs s
                 WHERE s.store_id = of_store AND s.status = 'running' AND s.enqueued_at IS NOT NULL AND s.queue = 'ingest'
                 LIMIT window_size) a;
        has_room := admitted < window_size;
    END IF;
    -- A replayed key is answered even where the store is full: nothing new is accepted by it.
    IF record_count > 0 AND admitted >= least(window_size, most_open)
       AND NOT EXISTS (SELECT FROM sync_logs s WHERE s.store_id = of_store AND s.idempotency_key = idem_key)
       AND most_open <= admitted + (SELECT count(*)
                                      FROM (SELECT FROM sync_logs s
                                             WHERE s.store_id = of_store AND s.status = 'running' AND s.enqueued_at IS NULL
                                             LIMIT most_open) w) THEN
        RETURN QUERY SELECT 'full', NULL::uuid, 0;
        RETURN;
    END IF;
    INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at,
                           started_at, finished_at, enqueues, enqueued_at, idempotency_key, fingerprint, request_id)
    SELECT of_store, new_log, of_entity, of_source, of_mode,
           CASE WHEN empty THEN 'completed' ELSE 'running' END, CASE WHEN empty THEN NULL ELSE 'queued' END,
           record_count, now(), CASE WHEN empty THEN now() END, CASE WHEN empty THEN now() END,
           coalesce(has_room, false)::int, CASE WHEN has_room THEN clock_timestamp() END,
           idem_key, body_fingerprint, request
      FROM (SELECT record_count = 0 AS empty) e
        ON CONFLICT (store_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
        IF record_count > 0 THEN
            INSERT INTO sync_payloads (store_id, log_id, body) VALUES (of_store, new_log, batch);
        END IF;
        RETURN QUERY SELECT 'accepted', new_log, coalesce(has_room, false)::int;
    ELSE
        RETURN QUERY SELECT CASE WHEN s.fingerprint = body_fingerprint THEN 'replayed' ELSE 'reused' END, s.id, 0
                       FROM sync_logs s
                      WHERE s.store_id = of_store AND s.idempotency_key = idem_key;
    END IF;
END
$$;

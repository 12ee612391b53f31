-- Every table of a new database, with its constraints, indexes, policies and grants. A database from before this file is
-- brought to the same state by db/takeover. The roles come from db/bootstrap.sql, the functions from db/functions.

GRANT USAGE ON SCHEMA public TO sluice_app, sluice_system;
-- sluice_system owns functions, and an owner needs CREATE where they stand.
GRANT CREATE ON SCHEMA public TO sluice_system;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- sluice_app stages batches in temporary tables, and nobody else needs any. A function of sluice_system that did not qualify a name
-- could be led into a temporary table whose trigger then ran as sluice_system; db/functions put pg_temp last for the same reason.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO sluice_app', current_database());
END
$$;

-- needs: current_store, are_known_log_values, add_to_totals

-- Called for each table of a store's rows: sluice_app sees and writes the rows of the store that is set, and nothing else.
-- sluice_system has `across_stores` privileges on the rows of all stores; '' for none.
CREATE PROCEDURE pg_temp.isolate(tenant_table regclass, across_stores text)
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_rows ON %s USING (store_id = (SELECT current_store()))', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO sluice_app', tenant_table);
    IF across_stores <> '' THEN
        EXECUTE format('CREATE POLICY across_stores ON %s FOR %s TO sluice_system USING (true)', tenant_table,
                       CASE across_stores WHEN 'SELECT' THEN 'SELECT' ELSE 'ALL' END);
        EXECUTE format('GRANT %s ON %s TO sluice_system', across_stores, tenant_table);
    END IF;
END
$$;


-- Platforms and entities -----------------------------------------------------------------------------------------------------------

-- One row for each folder of schemas/platforms. Tables refer to these names instead of listing them in CHECKs.
CREATE TABLE platforms (
    name              text PRIMARY KEY
);
INSERT INTO platforms (name) VALUES ('woocommerce'), ('shopify'), ('tiktok');

CREATE TABLE entities (
    name              text PRIMARY KEY
);
INSERT INTO entities (name) VALUES ('categories'), ('products'), ('customers'), ('orders');

GRANT SELECT ON platforms, entities TO sluice_app, sluice_system;


-- Stores, tokens, sessions ---------------------------------------------------------------------------------------------------------

CREATE TABLE stores (
    id                uuid PRIMARY KEY,
    name              text NOT NULL,
    platform          text NOT NULL REFERENCES platforms (name),
    shop_url          text,
    credentials       bytea,                -- AES-GCM, bound to this row; the key is not in the database
    settings          jsonb NOT NULL DEFAULT '{}',
    last_sync_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);                   -- last_sync_at changes with every batch: keep those updates in the page
CREATE INDEX stores_by_age ON stores (created_at, id);
ALTER TABLE stores ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_row ON stores USING (id = (SELECT current_store()));
CREATE POLICY across_stores ON stores TO sluice_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stores TO sluice_app;
GRANT SELECT, UPDATE ON stores TO sluice_system;

-- The role is the preset that a token was created with; `custom` has scopes of its own choice.
CREATE TABLE api_tokens (
    id                uuid PRIMARY KEY,
    store_id          uuid REFERENCES stores (id) ON DELETE CASCADE,   -- NULL: an operator of the installation
    token_sha256      bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    role              text NOT NULL CONSTRAINT known_roles CHECK (role IN ('store', 'erp', 'admin', 'custom', 'operator')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz,
    revoked_at        timestamptz,
    last_used_at      timestamptz,
    scopes            text[] NOT NULL CONSTRAINT known_scopes
        CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['ingest', 'read', 'erp', 'pull', 'admin']),
    label             text CHECK (length(label) BETWEEN 1 AND 200),
    created_by        text CHECK (length(created_by) BETWEEN 1 AND 200),   -- NULL: created before this was kept
    CHECK ((role = 'operator') = (store_id IS NULL))
);
CREATE INDEX api_tokens_by_store ON api_tokens (store_id, created_at);
CALL pg_temp.isolate('api_tokens', 'SELECT, INSERT, UPDATE');

-- A browser's session in the console. Only its SHA-256 is kept, and it ends with the token it was opened with.
CREATE TABLE console_sessions (
    session_sha256    bytea PRIMARY KEY CHECK (length(session_sha256) = 32),
    token_id          uuid NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    opened_at         timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz NOT NULL
);
CREATE INDEX console_sessions_by_token ON console_sessions (token_id);
CREATE INDEX console_sessions_by_end ON console_sessions (expires_at);
ALTER TABLE console_sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY across_stores ON console_sessions TO sluice_system USING (true);
GRANT SELECT, INSERT, DELETE ON console_sessions TO sluice_system;

-- How much each store takes, as the dispatcher last measured it.
CREATE TABLE store_storage (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    bytes             bigint NOT NULL,      -- of rows and their texts, without indexes
    measured_at       timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE store_storage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON store_storage USING (store_id = (SELECT current_store()));
CREATE POLICY across_stores ON store_storage TO sluice_system USING (true);
GRANT SELECT ON store_storage TO sluice_app;
GRANT SELECT, INSERT, DELETE ON store_storage TO sluice_system;

-- Who may refresh a store's access token: a platform accepts each refresh token once, and calls are made meanwhile.
CREATE TABLE refresh_leases (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    holder            uuid NOT NULL,
    held_until        timestamptz NOT NULL
);
CALL pg_temp.isolate('refresh_leases', '');


-- Catalogue and orders -------------------------------------------------------------------------------------------------------------
-- external_id is the id that the store's own platform gave a record; it is unique in a store. A reference keeps that id beside the
-- resolved one, and the partial indexes `…_waiting` hold rows whose target has not arrived yet.
-- (source_updated_at, accepted_seq) is the version of a row; content_hash tells an unchanged record.
-- Every key begins with store_id, so that tables can be distributed by it.

CREATE TABLE categories (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    name              text NOT NULL,
    parent_external_id bigint,
    parent_id         uuid,
    product_count     bigint,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    CONSTRAINT categories_by_external_id UNIQUE (store_id, external_id),
    FOREIGN KEY (store_id, parent_id) REFERENCES categories (store_id, id) ON DELETE SET NULL (parent_id)
);
CREATE INDEX categories_by_parent ON categories (store_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX categories_waiting ON categories (store_id, parent_external_id)
    WHERE parent_id IS NULL AND parent_external_id IS NOT NULL;
CALL pg_temp.isolate('categories', 'SELECT');

-- While a table is new, the planner takes any whole index on store_id for as good as the primary key, and a foreign key check may
-- then walk all rows of the store. Among equals it takes the youngest index, so the primary keys of products, customers and orders
-- are made last. (CREATE TABLE makes a primary key first, wherever it is written.)
CREATE TABLE products (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    name              text NOT NULL,
    sku               text,
    price             numeric(20, 6),
    regular_price     numeric(20, 6),
    sale_price        numeric(20, 6),
    category_external_id bigint,
    category_id       uuid,
    category_name     text,
    stock_quantity    numeric(20, 6),
    stock_status      text,
    status            text,
    type              text,
    created_at        timestamptz,
    updated_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (store_id, category_id) REFERENCES categories (store_id, id) ON DELETE SET NULL (category_id)
);
CREATE INDEX products_by_category ON products (store_id, category_id) WHERE category_id IS NOT NULL;
CREATE INDEX products_waiting ON products (store_id, category_external_id)
    WHERE category_id IS NULL AND category_external_id IS NOT NULL;
ALTER TABLE products ADD CONSTRAINT products_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE products ADD PRIMARY KEY (store_id, id);
CALL pg_temp.isolate('products', 'SELECT');

CREATE TABLE customers (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    email_hash        text CHECK (length(email_hash) = 64),   -- never the address
    display_name      text,
    total_spent       numeric(20, 6),
    order_count       bigint,
    first_order_date  timestamptz,
    last_order_date   timestamptz,
    created_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    -- The id of the EMAIL_HASH_KEY that made email_hash; NULL for a plain SHA-256, or a hash from before this column. A hash can't
    -- be computed again without the address, so rows under another key wait until the customer is posted again.
    email_key         text
);
ALTER TABLE customers ADD CONSTRAINT customers_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE customers ADD PRIMARY KEY (store_id, id);
CALL pg_temp.isolate('customers', 'SELECT');

CREATE TABLE orders (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    date_created      timestamptz NOT NULL,
    date_modified     timestamptz,
    status            text NOT NULL,
    total             numeric(20, 6) NOT NULL,
    subtotal          numeric(20, 6),
    tax_total         numeric(20, 6),
    shipping_total    numeric(20, 6),
    discount_total    numeric(20, 6),
    currency          text,
    customer_external_id bigint,
    customer_id       uuid,
    payment_method    text,
    coupon_used       text,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (store_id, customer_id) REFERENCES customers (store_id, id) ON DELETE SET NULL (customer_id)
);
CREATE INDEX orders_by_date ON orders (store_id, date_created);
CREATE INDEX orders_by_customer ON orders (store_id, customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_waiting ON orders (store_id, customer_external_id)
    WHERE customer_id IS NULL AND customer_external_id IS NOT NULL;
ALTER TABLE orders ADD CONSTRAINT orders_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE orders ADD PRIMARY KEY (store_id, id);
CALL pg_temp.isolate('orders', 'SELECT');

-- An order's items are replaced as a whole, so an item's place in its order is its key.
CREATE TABLE order_items (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,
    product_name      text NOT NULL,
    sku               text,
    quantity          numeric(20, 6) NOT NULL,
    subtotal          numeric(20, 6),
    total             numeric(20, 6),
    product_external_id bigint,
    product_id        uuid,
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE,
    FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, id) ON DELETE SET NULL (product_id)
);
CREATE INDEX order_items_by_product ON order_items (store_id, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX order_items_waiting ON order_items (store_id, product_external_id)
    WHERE product_id IS NULL AND product_external_id IS NOT NULL;
CALL pg_temp.isolate('order_items', 'SELECT');

-- The names of the plugin's contract, for those who query a WooCommerce store's orders.
CREATE VIEW wc_orders WITH (security_invoker = true) AS
SELECT o.store_id, o.id, o.external_id AS wc_order_id, o.date_created, o.date_modified, o.status, o.total, o.subtotal,
       o.tax_total, o.shipping_total, o.discount_total, o.currency, o.customer_external_id AS wc_customer_id, o.customer_id,
       o.payment_method, o.coupon_used, o.synced_at
  FROM orders o
  JOIN stores s ON s.id = o.store_id AND s.platform = 'woocommerce';
GRANT SELECT ON wc_orders TO sluice_app;

-- How many records, and how fresh: written in the transaction that writes the records, so that status never counts a table.
CREATE TABLE entity_stats (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL REFERENCES entities (name),
    record_count      bigint NOT NULL DEFAULT 0,
    last_sync_time    timestamptz NOT NULL,
    last_record_time  timestamptz,          -- the newest source time ever applied
    records_synced    bigint NOT NULL,      -- by the last log
    is_full_sync      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (store_id, entity)
) WITH (fillfactor = 50);
CALL pg_temp.isolate('entity_stats', '');


-- Sync logs ------------------------------------------------------------------------------------------------------------------------

-- A log is a job: a batch that was posted (queue `ingest`) or a run that fetches records (queue `pull`). A pull counts page by page,
-- can be paused, and stays outside a store's window of batches. PostgreSQL is the queue of record; Redis only wakes a worker.
CREATE TABLE sync_logs (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    accepted_seq      bigint GENERATED ALWAYS AS IDENTITY,
    entity            text NOT NULL,
    source            text NOT NULL,        -- `plugin`, or the platform that a pull reads
    mode              text NOT NULL,
    status            text NOT NULL,
    phase             text,
    received          integer NOT NULL,
    inserted          integer NOT NULL DEFAULT 0,
    updated           integer NOT NULL DEFAULT 0,
    unchanged         integer NOT NULL DEFAULT 0,
    stale             integer NOT NULL DEFAULT 0,
    invalid           integer NOT NULL DEFAULT 0,
    existing          integer NOT NULL DEFAULT 0,
    records_synced    integer GENERATED ALWAYS AS (inserted + updated + unchanged + stale) STORED,
    records_skipped   integer GENERATED ALWAYS AS (invalid + existing) STORED,
    attempts          integer NOT NULL DEFAULT 0,
    next_attempt_at   timestamptz NOT NULL,
    enqueues          integer NOT NULL DEFAULT 0,
    enqueued_at       timestamptz,          -- NULL: not admitted to Redis yet
    accepted_at       timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    error_code        text,
    error_message     text,                 -- plain words for the tenant; never exception text
    idempotency_key   text,                 -- SHA-256 in hexadecimal, because clients put anything in it
    fingerprint       bytea,                -- of the body that came with the idempotency key
    request_id        text,
    queue             text NOT NULL DEFAULT 'ingest',
    unlisted_errors   integer NOT NULL DEFAULT 0,   -- problems of records beyond those in sync_record_errors
    PRIMARY KEY (store_id, id),
    -- Counts balance, or the log can't complete.
    CONSTRAINT counts_balance CHECK (
        status <> 'completed' OR received = inserted + updated + unchanged + stale + invalid + existing),
    CONSTRAINT failed_says_why CHECK (status <> 'failed' OR error_code IS NOT NULL),
    CONSTRAINT key_has_fingerprint CHECK (idempotency_key IS NULL OR fingerprint IS NOT NULL),
    CONSTRAINT phase_only_while_running CHECK ((status = 'running') = (phase IS NOT NULL)),
    CONSTRAINT only_pulls_pause CHECK (status <> 'paused' OR queue = 'pull'),
    CONSTRAINT known_values CHECK (are_known_log_values(entity, source, queue, mode, status, phase))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX sync_logs_idempotency ON sync_logs (store_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX sync_logs_newest ON sync_logs (store_id, accepted_seq DESC);
-- A running log is in one of these two: admitted to Redis (a window of them per store), or not yet.
CREATE INDEX sync_logs_admitted ON sync_logs (store_id, next_attempt_at)
    WHERE status = 'running' AND enqueued_at IS NOT NULL;
CREATE INDEX sync_logs_not_admitted ON sync_logs (store_id, accepted_seq)
    WHERE status = 'running' AND enqueued_at IS NULL;
-- What may still be applied, for the barrier.
CREATE INDEX sync_logs_unfinished ON sync_logs (store_id, entity, accepted_seq) WHERE status IN ('running', 'failed');
-- Logs stand in the table in the order of their acceptance, so a block range index finds old ones. New ranges are summarised as
-- they fill, not at the next vacuum.
CREATE INDEX sync_logs_by_age ON sync_logs USING brin (accepted_at) WITH (autosummarize = on);
-- One pull of a store and entity at a time; a paused one keeps its place.
CREATE UNIQUE INDEX sync_logs_one_pull ON sync_logs (store_id, entity)
    WHERE queue = 'pull' AND status IN ('running', 'paused');
-- The newest completed runs of a store, entity and source. A log enters it once, as it completes.
CREATE INDEX sync_logs_completed ON sync_logs (store_id, entity, source, finished_at) WHERE status = 'completed';
-- Lists that are filtered by entity, source, mode or status. Only ended logs are in it, so that accepting a batch pays nothing.
CREATE INDEX sync_logs_ended_by_kind ON sync_logs (store_id, entity, source, mode, status, accepted_seq DESC)
    WHERE status <> 'running';
-- What ended when, for plots: read from the index alone where the table has been vacuumed.
CREATE INDEX sync_logs_finished ON sync_logs (store_id, finished_at) INCLUDE (status, records_synced, records_skipped)
    WHERE finished_at IS NOT NULL;
-- What failed lately, counted store by store.
CREATE INDEX sync_logs_failed ON sync_logs (store_id, finished_at) WHERE status = 'failed';
CALL pg_temp.isolate('sync_logs', 'SELECT, UPDATE, DELETE');

-- Each page of a pull takes its place in the order of acceptance before it is fetched.
GRANT USAGE ON SEQUENCE sync_logs_accepted_seq_seq TO sluice_app;

-- The sanitised batch; deleted in the transaction that completes its log.
CREATE TABLE sync_payloads (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    body              bytea NOT NULL,
    PRIMARY KEY (store_id, log_id),
    FOREIGN KEY (store_id, log_id) REFERENCES sync_logs (store_id, id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 10000);
-- Compressing a batch that lives for a second costs more than the bytes it saves.
ALTER TABLE sync_payloads ALTER COLUMN body SET STORAGE EXTERNAL;
CALL pg_temp.isolate('sync_payloads', 'SELECT');

CREATE TABLE sync_record_errors (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    record_index      integer NOT NULL,     -- place in the batch, from 0
    external_id       text,                 -- the platform's id where it is a number, without leading zeros; never other text
    field             text NOT NULL,
    code              text NOT NULL,
    reason            text NOT NULL,
    PRIMARY KEY (store_id, log_id, record_index, field),
    FOREIGN KEY (store_id, log_id) REFERENCES sync_logs (store_id, id) ON DELETE CASCADE
);
-- What became of a record, looked up by its platform's id.
CREATE INDEX sync_record_errors_by_record ON sync_record_errors (store_id, external_id) WHERE external_id IS NOT NULL;
CALL pg_temp.isolate('sync_record_errors', 'SELECT');

-- Totals over all stores that only ever grow: pruning logs or erasing a store takes nothing from them, because a rate over them
-- would jump. See add_to_totals.
CREATE TABLE sync_totals (
    shard             smallint NOT NULL,
    entity            text NOT NULL,
    source            text NOT NULL,
    completed         bigint NOT NULL,
    failed            bigint NOT NULL,
    cancelled         bigint NOT NULL,
    attempts          bigint NOT NULL,      -- of logs that ended
    inserted          bigint NOT NULL,
    updated           bigint NOT NULL,
    unchanged         bigint NOT NULL,
    stale             bigint NOT NULL,
    invalid           bigint NOT NULL,
    existing          bigint NOT NULL,
    PRIMARY KEY (shard, entity, source)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON sync_totals TO sluice_system;

-- An attempt that only begins fires nothing.
CREATE TRIGGER totals_of_changed AFTER UPDATE ON sync_logs FOR EACH ROW
    WHEN ((OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('completed', 'failed', 'cancelled'))
          OR NEW.records_synced + NEW.records_skipped > OLD.records_synced + OLD.records_skipped)
    EXECUTE FUNCTION add_to_totals();
-- An empty batch is completed as it is accepted.
CREATE TRIGGER totals_of_empty AFTER INSERT ON sync_logs FOR EACH ROW
    WHEN (NEW.status = 'completed') EXECUTE FUNCTION add_to_totals();


-- Pulls ----------------------------------------------------------------------------------------------------------------------------

-- Where a pull stands. `cursor` names the page to fetch next; a page that is fetched and not applied yet waits in `page`.
CREATE TABLE pull_runs (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    windows           jsonb NOT NULL,       -- which records it reads, one window after the other
    options           jsonb NOT NULL,       -- as they were asked for
    max_records       integer CHECK (max_records > 0),
    base_watermark    timestamptz,          -- where the watermark stood at the start; what changed before it arrives late
    epoch             integer NOT NULL DEFAULT 0,   -- who works on it: a worker that finds another number stops
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
CALL pg_temp.isolate('pull_runs', 'SELECT');

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
CALL pg_temp.isolate('pull_pages', 'SELECT');

-- Records that came with an older version than the stored one: the last such arrival of each.
CREATE TABLE stale_arrivals (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL REFERENCES entities (name),
    external_id       bigint NOT NULL,
    log_id            uuid NOT NULL,        -- without a reference: the log may be pruned
    offered_version   timestamptz NOT NULL,
    arrived_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, entity, external_id)
);
CALL pg_temp.isolate('stale_arrivals', 'SELECT');

-- Watermarks, in the words of specification 5: what changed before last_sync_time has been read.
CREATE TABLE sync_metadata (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    sync_type         text NOT NULL REFERENCES entities (name),
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
CALL pg_temp.isolate('sync_metadata', '');
CREATE POLICY across_stores ON sync_metadata FOR SELECT TO sluice_system USING (true);
GRANT SELECT (store_id, sync_type, last_sync_time, overlap, lateness) ON sync_metadata TO sluice_system;

-- Which changes were read: everything that changed from covered_from (NULL: ever) until before covered_until.
CREATE TABLE sync_coverage (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                bigint GENERATED ALWAYS AS IDENTITY,
    entity            text NOT NULL REFERENCES entities (name),
    covered_from      timestamptz,
    covered_until     timestamptz NOT NULL,
    mode              text NOT NULL,
    log_id            uuid NOT NULL,        -- without a reference: the ledger outlives the logs
    is_complete       boolean NOT NULL,     -- false where changes of records that stood already were skipped
    recorded_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id)
);
CREATE INDEX sync_coverage_by_entity ON sync_coverage (store_id, entity, covered_until);
CALL pg_temp.isolate('sync_coverage', 'SELECT, UPDATE, DELETE');

-- When to pull what: one schedule per store and entity, by a cron expression (UTC) or every so many seconds.
CREATE TABLE schedules (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL REFERENCES entities (name),
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
CALL pg_temp.isolate('schedules', 'SELECT');


-- Outbound -------------------------------------------------------------------------------------------------------------------------
-- The ERP's catalogue, the items that carry its changes to WooCommerce, and what was last sent there. An item says that something
-- may have changed, never what: whoever sends it reads the ERP's rows as they are by then.

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
CALL pg_temp.isolate('erp_categories', 'SELECT');

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
    group_hashes      jsonb NOT NULL,       -- by field group, which can be sent alone: price, stock, product, category, image
    create_begun_at   timestamptz,          -- a call that may have created it in the shop was begun
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, product_id)
) WITH (fillfactor = 80);
CREATE INDEX erp_products_by_sku ON erp_products (store_id, sku);
CALL pg_temp.isolate('erp_products', 'SELECT');

-- A run (all products, all categories), or a hold: the items of a store that brakes stopped, with a preview of them.
-- Its items go out in calls of at most batch_size.
CREATE TABLE wc_sync_batches (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('full', 'categories', 'hold')),
    status            text NOT NULL
        CHECK (status IN ('syncing', 'completed', 'needs_approval', 'approved', 'released', 'rejected')),
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
-- A store has one open hold at a time; whatever brakes stop meanwhile joins it.
CREATE UNIQUE INDEX wc_sync_batches_open_hold ON wc_sync_batches (store_id) WHERE kind = 'hold' AND status = 'needs_approval';
CALL pg_temp.isolate('wc_sync_batches', 'SELECT, UPDATE, DELETE');

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
    checked_by_brakes boolean NOT NULL DEFAULT false,  -- only items that brakes have checked are claimed
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
CREATE INDEX wc_sync_items_unchecked ON wc_sync_items (store_id) WHERE status = 'pending' AND NOT checked_by_brakes;
CREATE INDEX wc_sync_items_syncing ON wc_sync_items (store_id, product_id) WHERE status = 'syncing';
-- A second change of the same kind joins the item that still waits.
CREATE UNIQUE INDEX wc_sync_items_one_pending ON wc_sync_items (store_id, product_id, sync_type)
    WHERE status = 'pending' AND product_id IS NOT NULL;
CREATE UNIQUE INDEX wc_sync_items_one_pending_category ON wc_sync_items (store_id, category_id)
    WHERE status = 'pending' AND category_id IS NOT NULL;
CREATE INDEX wc_sync_items_by_age ON wc_sync_items USING brin (created_at) WITH (autosummarize = on);
-- Missed deadlines: by store, and across stores in the order in which the items ended.
CREATE INDEX wc_sync_items_breached ON wc_sync_items (store_id, sync_type, status, breach) WHERE breach IS NOT NULL;
CREATE INDEX wc_sync_items_late ON wc_sync_items (completed_at) WHERE breach IS NOT NULL;
-- Items that are open, counted without reading the table where it has been vacuumed.
CREATE INDEX wc_sync_items_open ON wc_sync_items (store_id, sync_type, status) INCLUDE (due_at, created_at, priority)
    WHERE status IN ('pending', 'syncing', 'failed', 'needs_approval');
CALL pg_temp.isolate('wc_sync_items', 'SELECT, UPDATE, DELETE');

-- Which product of the shop is which of the ERP's, and what the shop last got from us: a hash of each field group, and the figures
-- that brakes compare.
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
CALL pg_temp.isolate('wc_product_sync_mappings', 'SELECT');

-- Who sends for a store, and until when: one process at a time, so that a shop sees a bounded number of calls. After a 429
-- nobody sends before resume_at.
CREATE TABLE wc_push_leases (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    holder            uuid,
    lease_until       timestamptz,
    resume_at         timestamptz,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 50);
CALL pg_temp.isolate('wc_push_leases', 'SELECT');

-- When each store's full sync, retry of failed items and pull of orders are due next; each tick runs in one dispatcher.
CREATE TABLE wc_schedules (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    task              text NOT NULL CHECK (task IN ('full', 'retry', 'orders')),
    next_run_at       timestamptz NOT NULL,
    PRIMARY KEY (store_id, task)
) WITH (fillfactor = 50);
CALL pg_temp.isolate('wc_schedules', 'SELECT');

-- An order that a pull found waiting for the merchant (`processing`) is published as woocommerce.order_received: written in the
-- transaction that stored the order, published afterwards. The row stays, so that a later pull does not publish it again.
CREATE TABLE wc_order_events (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    order_id          uuid NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    published_at      timestamptz,          -- NULL: still to be published
    PRIMARY KEY (store_id, order_id),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);
CREATE INDEX wc_order_events_waiting ON wc_order_events (store_id, created_at) WHERE published_at IS NULL;
CALL pg_temp.isolate('wc_order_events', 'SELECT');


-- Watching -------------------------------------------------------------------------------------------------------------------------

-- When dispatchers last did what they do: `tick` each second, `watch` the check for alerts. Holds nothing of a store.
CREATE TABLE dispatcher_marks (
    name              text PRIMARY KEY CHECK (name IN ('tick', 'watch')),
    marked_at         timestamptz NOT NULL,
    seconds           double precision NOT NULL DEFAULT 0     -- how long the last one took
) WITH (fillfactor = 50);
INSERT INTO dispatcher_marks (name, marked_at) VALUES ('tick', '-infinity'), ('watch', '-infinity');
GRANT SELECT, INSERT, UPDATE ON dispatcher_marks TO sluice_app;

-- An alert is an episode: what is or was wrong with a store, from when to when, and who was notified. It is open only once.
CREATE TABLE alerts (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    kind              text NOT NULL,
    entity            text NOT NULL,        -- '' where it is about the whole store
    source            text NOT NULL,        -- '' where it is about every source
    log_id            uuid,                 -- the log to look at; without a reference: it may be pruned
    measured          double precision NOT NULL,    -- as the episode began
    threshold         double precision NOT NULL,
    raised_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    recovered_at      timestamptz,
    raise_notified_at timestamptz,
    recovery_notified_at timestamptz,
    next_notice_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries             integer NOT NULL DEFAULT 0,   -- of the notice that is due
    is_logged         boolean NOT NULL DEFAULT false,   -- the notice that is due stands in the log already
    PRIMARY KEY (store_id, id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX alerts_open ON alerts (store_id, kind, entity, source) WHERE recovered_at IS NULL;
CREATE INDEX alerts_to_notify ON alerts (next_notice_at)
    WHERE raise_notified_at IS NULL OR (recovered_at IS NOT NULL AND recovery_notified_at IS NULL);
CALL pg_temp.isolate('alerts', 'SELECT, UPDATE, DELETE');

-- The audit trail: who changed what, from where, when and with what result. The application can only append to it.
-- No foreign key to stores: whoever may delete a store would delete what was done to it. Rows hold ids, addresses and names of
-- actions, nothing of a shop's data.
CREATE TABLE audit_events (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store_id          uuid,                 -- NULL: about no store, as a failed sign-in or an operator's token
    happened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind        text NOT NULL CHECK (actor_kind IN ('token', 'session', 'command', 'schedule', 'unknown')),
    actor             text CHECK (length(actor) <= 64),     -- a token's id, a user of the operating system, a schedule's entity
    address           text CHECK (length(address) <= 64),
    action            text NOT NULL CHECK (length(action) <= 64),
    result            text NOT NULL CHECK (result IN ('ok', 'refused', 'failed')),
    code              text CHECK (length(code) <= 64),
    request_id        text CHECK (length(request_id) <= 64),
    details           jsonb NOT NULL DEFAULT '{}' CHECK (pg_column_size(details) <= 4096)
);
CREATE INDEX audit_events_of_store ON audit_events (store_id, happened_at, id);
CREATE INDEX audit_events_by_time ON audit_events (happened_at, id);
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY read_own ON audit_events FOR SELECT USING (store_id = (SELECT current_store()));
CREATE POLICY append_own ON audit_events FOR INSERT WITH CHECK (store_id IS NULL OR store_id = (SELECT current_store()));
CREATE POLICY across_stores ON audit_events TO sluice_system USING (true);
-- Neither the id nor the time may be given: an event can't be dated back.
GRANT SELECT ON audit_events TO sluice_app;
GRANT INSERT (store_id, actor_kind, actor, address, action, result, code, request_id, details) ON audit_events TO sluice_app;
GRANT SELECT, DELETE ON audit_events TO sluice_system;

DROP PROCEDURE pg_temp.isolate(regclass, text);

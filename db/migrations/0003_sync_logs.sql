-- Everything inbound is a sync log. PostgreSQL is the queue of record; Redis only wakes a worker.

CREATE TABLE sync_logs (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    accepted_seq      bigint GENERATED ALWAYS AS IDENTITY,
    entity            text NOT NULL CHECK (entity IN ('orders', 'products', 'customers', 'categories')),
    source            text NOT NULL CHECK (source IN ('plugin')),
    mode              text NOT NULL CHECK (mode IN ('upsert', 'populate')),
    status            text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    phase             text CHECK (phase IN ('queued', 'processing', 'retrying')),
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
    idempotency_key   text,
    fingerprint       bytea,                -- of the body that came with the idempotency key
    request_id        text,
    PRIMARY KEY (store_id, id),
    -- Counts balance, or the log can't complete.
    CONSTRAINT counts_balance CHECK (
        status <> 'completed' OR received = inserted + updated + unchanged + stale + invalid + existing),
    CONSTRAINT failed_says_why CHECK (status <> 'failed' OR error_code IS NOT NULL),
    CONSTRAINT key_has_fingerprint CHECK (idempotency_key IS NULL OR fingerprint IS NOT NULL),
    CONSTRAINT phase_only_while_running CHECK ((status = 'running') = (phase IS NOT NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX sync_logs_idempotency ON sync_logs (store_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX sync_logs_newest ON sync_logs (store_id, accepted_seq DESC);
-- A running log stands in one of these two: waiting in or on its way through Redis (a window of them a store), or not yet.
CREATE INDEX sync_logs_admitted ON sync_logs (store_id, next_attempt_at)
    WHERE status = 'running' AND enqueued_at IS NOT NULL;
CREATE INDEX sync_logs_not_admitted ON sync_logs (store_id, accepted_seq)
    WHERE status = 'running' AND enqueued_at IS NULL;
-- What may still be applied, for the barrier.
CREATE INDEX sync_logs_unfinished ON sync_logs (store_id, entity, accepted_seq) WHERE status IN ('running', 'failed');

-- The sanitised batch; gone in the transaction that completes its log.
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

CREATE TABLE sync_record_errors (
    store_id          uuid NOT NULL,
    log_id            uuid NOT NULL,
    record_index      integer NOT NULL,     -- place in the batch, from 0
    external_id       text,                 -- the platform's id where it is a number; never other text
    field             text NOT NULL,
    code              text NOT NULL,
    reason            text NOT NULL,
    PRIMARY KEY (store_id, log_id, record_index, field),
    FOREIGN KEY (store_id, log_id) REFERENCES sync_logs (store_id, id) ON DELETE CASCADE
);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['sync_logs', 'sync_payloads', 'sync_record_errors'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
    END LOOP;
END
$$;

CREATE POLICY across_stores ON sync_logs TO sluice_system USING (true);
GRANT SELECT, UPDATE ON sync_logs TO sluice_system;

-- What metrics and alerts ask across stores, and where they keep what they know. Functions return ids and counts only.

-- The newest completed runs of a store, entity and source. A log enters it once, as it completes.
CREATE INDEX sync_logs_completed ON sync_logs (store_id, entity, source, finished_at) WHERE status = 'completed';
-- Deadlines that were missed, in the order in which the items ended.
CREATE INDEX wc_sync_items_late ON wc_sync_items (completed_at) WHERE breach IS NOT NULL;

-- Totals over all stores that only ever grow: neither pruning logs nor erasing a store takes anything from them, or a
-- rate over them would jump. Counted in the transaction that changed the log, in one of 64 rows by the store's hash, so that
-- stores seldom wait for each other.
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

CREATE FUNCTION add_to_totals() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    was sync_logs%ROWTYPE;
    ended integer := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD;
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') AND was.status IS DISTINCT FROM NEW.status THEN
        ended := 1;
    END IF;
    INSERT INTO sync_totals AS t (shard, entity, source, completed, failed, cancelled, attempts,
                                  inserted, updated, unchanged, stale, invalid, existing)
    VALUES (uuid_hash(NEW.store_id) & 63, NEW.entity, NEW.source,
            ended * (NEW.status = 'completed')::int, ended * (NEW.status = 'failed')::int,
            ended * (NEW.status = 'cancelled')::int, ended * NEW.attempts,
            NEW.inserted - coalesce(was.inserted, 0), NEW.updated - coalesce(was.updated, 0),
            NEW.unchanged - coalesce(was.unchanged, 0), NEW.stale - coalesce(was.stale, 0),
            NEW.invalid - coalesce(was.invalid, 0), NEW.existing - coalesce(was.existing, 0))
        ON CONFLICT (shard, entity, source) DO UPDATE SET
           completed = t.completed + EXCLUDED.completed, failed = t.failed + EXCLUDED.failed,
           cancelled = t.cancelled + EXCLUDED.cancelled, attempts = t.attempts + EXCLUDED.attempts,
           inserted = t.inserted + EXCLUDED.inserted, updated = t.updated + EXCLUDED.updated,
           unchanged = t.unchanged + EXCLUDED.unchanged, stale = t.stale + EXCLUDED.stale,
           invalid = t.invalid + EXCLUDED.invalid, existing = t.existing + EXCLUDED.existing;
    RETURN NULL;
END
$$;
-- A pull counts page by page, a batch as it completes; an attempt that only begins fires nothing.
CREATE TRIGGER totals_of_changed AFTER UPDATE ON sync_logs FOR EACH ROW
    WHEN ((OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('completed', 'failed', 'cancelled'))
          OR NEW.records_synced + NEW.records_skipped > OLD.records_synced + OLD.records_skipped)
    EXECUTE FUNCTION add_to_totals();
-- An empty batch is completed as it is accepted.
CREATE TRIGGER totals_of_empty AFTER INSERT ON sync_logs FOR EACH ROW
    WHEN (NEW.status = 'completed') EXECUTE FUNCTION add_to_totals();

-- What stands in the table at this moment is the start of the totals.
ALTER TABLE sync_logs NO FORCE ROW LEVEL SECURITY;
INSERT INTO sync_totals
SELECT uuid_hash(l.store_id) & 63, l.entity, l.source,
       count(*) FILTER (WHERE l.status = 'completed'), count(*) FILTER (WHERE l.status = 'failed'),
       count(*) FILTER (WHERE l.status = 'cancelled'),
       coalesce(sum(l.attempts) FILTER (WHERE l.status IN ('completed', 'failed', 'cancelled')), 0),
       sum(l.inserted), sum(l.updated), sum(l.unchanged), sum(l.stale), sum(l.invalid), sum(l.existing)
  FROM sync_logs l
 GROUP BY 1, 2, 3;
ALTER TABLE sync_logs FORCE ROW LEVEL SECURITY;

-- When the dispatchers last did what they do: `tick` each second, `watch` the look for alerts. Nothing of a tenant.
CREATE TABLE dispatcher_marks (
    name              text PRIMARY KEY CHECK (name IN ('tick', 'watch')),
    marked_at         timestamptz NOT NULL,
    seconds           double precision NOT NULL DEFAULT 0     -- how long the last one took
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON dispatcher_marks TO sluice_app;
INSERT INTO dispatcher_marks (name, marked_at) VALUES ('tick', '-infinity'), ('watch', '-infinity');

-- Episodes: what is or was wrong with a store, from when to when, and who was told. One that is open is open once.
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
    raise_told_at     timestamptz,
    recovery_told_at  timestamptz,
    next_notice_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries             integer NOT NULL DEFAULT 0,   -- at the notice that is due
    is_logged         boolean NOT NULL DEFAULT false,   -- the notice that is due stands in the log already
    PRIMARY KEY (store_id, id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX alerts_open ON alerts (store_id, kind, entity, source) WHERE recovered_at IS NULL;
CREATE INDEX alerts_untold ON alerts (next_notice_at)
    WHERE raise_told_at IS NULL OR (recovered_at IS NOT NULL AND recovery_told_at IS NULL);
ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON alerts USING (store_id = (SELECT current_store()));
CREATE POLICY across_stores ON alerts TO sluice_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO sluice_app;
GRANT SELECT, UPDATE, DELETE ON alerts TO sluice_system;

CREATE POLICY across_stores ON sync_metadata TO sluice_system USING (true);
GRANT SELECT (store_id, sync_type, last_sync_time, overlap, lateness) ON sync_metadata TO sluice_system;

-- Logs that have not ended well yet: running, paused, failed.
CREATE FUNCTION measure_logs()
    RETURNS TABLE (entity text, source text, queue text, status text, phase text, logs bigint, oldest_seconds float8, most_attempts integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT o.entity, o.source, o.queue, o.status, o.phase, count(*),
               extract(epoch FROM clock_timestamp() - min(o.accepted_at)), max(o.attempts)
          FROM (SELECT s.entity, s.source, s.queue, s.status, s.phase, s.accepted_at, s.attempts
                  FROM sync_logs s WHERE s.status IN ('running', 'failed')
                 UNION ALL
                SELECT s.entity, s.source, s.queue, s.status, s.phase, s.accepted_at, s.attempts
                  FROM sync_logs s WHERE s.queue = 'pull' AND s.status = 'paused') o
         GROUP BY o.entity, o.source, o.queue, o.status, o.phase;
    END;

CREATE FUNCTION measure_totals()
    RETURNS TABLE (entity text, source text, completed bigint, failed bigint, cancelled bigint, attempts bigint,
                   inserted bigint, updated bigint, unchanged bigint, stale bigint, invalid bigint, existing bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT t.entity, t.source, sum(t.completed)::bigint, sum(t.failed)::bigint, sum(t.cancelled)::bigint,
               sum(t.attempts)::bigint, sum(t.inserted)::bigint, sum(t.updated)::bigint, sum(t.unchanged)::bigint,
               sum(t.stale)::bigint, sum(t.invalid)::bigint, sum(t.existing)::bigint
          FROM sync_totals t
         GROUP BY t.entity, t.source;
    END;

-- How old each scheduled pull's watermark is (since the schedule began where there is none yet), and what it may be: the
-- schedule's own step. One that nobody scheduled may grow as old as it likes.
CREATE FUNCTION measure_watermarks()
    RETURNS TABLE (store_id uuid, platform text, entity text, age_seconds float8, step_seconds float8,
                   lateness_seconds float8, overlap_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH scheduled AS (
            SELECT c.store_id, c.entity, c.created_at,
                   coalesce(c.every_seconds, extract(epoch FROM c.next_run_at - c.last_run_at), 0)::float8 AS step
              FROM schedules c
             UNION ALL
            SELECT w.store_id, 'orders', NULL, 300 FROM wc_schedules w WHERE w.task = 'orders'
        )
        SELECT c.store_id, s.platform, c.entity,
               extract(epoch FROM clock_timestamp() - coalesce(m.last_sync_time, min(c.created_at))),
               max(c.step), extract(epoch FROM m.lateness), extract(epoch FROM m.overlap)
          FROM scheduled c
          JOIN stores s ON s.id = c.store_id
          LEFT JOIN sync_metadata m ON m.store_id = c.store_id AND m.sync_type = c.entity
         GROUP BY c.store_id, s.platform, c.entity, m.last_sync_time, m.lateness, m.overlap;
    END;

-- Items that have not ended well yet. Those that have stay out of it, so it costs what is open.
CREATE FUNCTION measure_outbound()
    RETURNS TABLE (sync_type text, status text, items bigint, overdue bigint, oldest_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT i.sync_type, i.status, count(*),
               count(*) FILTER (WHERE i.status IN ('pending', 'syncing') AND i.due_at < clock_timestamp()),
               extract(epoch FROM clock_timestamp() - min(i.created_at))
          FROM stores s
          JOIN wc_sync_items i ON i.store_id = s.id AND i.status IN ('pending', 'syncing', 'needs_approval', 'failed')
         GROUP BY i.sync_type, i.status;
    END;

-- Items that ended past their deadline since then, by what took most of their time.
CREATE FUNCTION measure_breaches(since interval) RETURNS TABLE (sync_type text, breach text, items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT i.sync_type, i.breach, count(*)
          FROM wc_sync_items i
         WHERE i.breach IS NOT NULL AND i.completed_at > now() - since
         GROUP BY i.sync_type, i.breach;
    END;

CREATE FUNCTION measure_alerts() RETURNS TABLE (kind text, opened bigint, untold bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT a.kind, count(*) FILTER (WHERE a.recovered_at IS NULL),
               count(*) FILTER (WHERE a.raise_told_at IS NULL OR (a.recovered_at IS NOT NULL AND a.recovery_told_at IS NULL))
          FROM alerts a
         WHERE a.recovered_at IS NULL OR a.raise_told_at IS NULL OR a.recovery_told_at IS NULL
         GROUP BY a.kind;
    END;

-- Failed logs by store, entity and source that nothing has made good: failed within `quiet`, or no run completed since.
CREATE FUNCTION watch_failures(quiet interval)
    RETURNS TABLE (store_id uuid, entity text, source text, failed bigint, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT f.store_id, f.entity, f.source, f.failed, f.log_id
          FROM (SELECT s.store_id, s.entity, s.source, count(*) AS failed, max(s.finished_at) AS last_at,
                       (array_agg(s.id ORDER BY s.finished_at DESC))[1] AS log_id
                  FROM sync_logs s
                 WHERE s.status IN ('running', 'failed') AND s.status = 'failed'
                 GROUP BY s.store_id, s.entity, s.source) f
         WHERE f.last_at > clock_timestamp() - quiet
            OR NOT EXISTS (SELECT FROM sync_logs c
                            WHERE c.store_id = f.store_id AND c.entity = f.entity AND c.source = f.source
                              AND c.status = 'completed' AND c.finished_at > f.last_at);
    END;

-- By store, what has run for longest among what runs longer than `longest`: a batch since it was accepted, a pull since it
-- fell due with nobody to work on it.
CREATE FUNCTION watch_running(longest interval)
    RETURNS TABLE (store_id uuid, queue text, running_seconds float8, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT DISTINCT ON (o.store_id, o.queue) o.store_id, o.queue, extract(epoch FROM clock_timestamp() - o.since), o.id
          FROM (SELECT s.store_id, s.queue, s.id, CASE WHEN s.queue = 'pull' THEN s.next_attempt_at ELSE s.accepted_at END AS since
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.status IN ('running', 'failed')) o
         WHERE o.since < clock_timestamp() - longest
         ORDER BY o.store_id, o.queue, o.since;
    END;

-- The last `recent` completed runs of each store, entity and source, where some record was invalid or a run had none.
-- zero_runs: how many of the newest in a row had no record; had_rows: whether an older one among them had.
CREATE FUNCTION watch_runs(recent integer)
    RETURNS TABLE (store_id uuid, entity text, source text, runs bigint, zero_runs bigint, had_rows boolean, received bigint,
                   invalid bigint, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.id, e.entity, o.source, r.runs, r.zero_runs, r.had_rows, r.received, r.invalid, r.log_id
          FROM stores s
         CROSS JOIN unnest(ARRAY['orders', 'products', 'customers', 'categories']) e (entity)
         CROSS JOIN unnest(ARRAY['plugin', s.platform]) o (source)
         CROSS JOIN LATERAL (
               SELECT count(*) AS runs, coalesce(min(n.no) FILTER (WHERE n.received > 0) - 1, count(*)) AS zero_runs,
                      coalesce(bool_or(n.received > 0), false) AS had_rows, sum(n.received)::bigint AS received,
                      sum(n.invalid)::bigint AS invalid, (array_agg(n.id ORDER BY n.no))[1] AS log_id
                 FROM (SELECT l.id, l.received, l.invalid, row_number() OVER (ORDER BY l.finished_at DESC) AS no
                         FROM sync_logs l
                        WHERE l.store_id = s.id AND l.entity = e.entity AND l.source = o.source AND l.status = 'completed'
                        ORDER BY l.finished_at DESC
                        LIMIT recent) n) r
         WHERE r.zero_runs > 0 OR r.invalid > 0;
    END;

CREATE FUNCTION list_open_alerts() RETURNS TABLE (store_id uuid, id uuid, kind text, entity text, source text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT a.store_id, a.id, a.kind, a.entity, a.source FROM alerts a WHERE a.recovered_at IS NULL;
    END;

-- Notices that are due, oldest first. Whoever gets them has `hold` to tell and say so; then they are due again.
CREATE FUNCTION claim_notices(hold interval, most integer)
    RETURNS TABLE (store_id uuid, id uuid, kind text, entity text, source text, log_id uuid, measured float8, threshold float8,
                   raised_at timestamptz, recovered_at timestamptz, raise_told boolean, tries integer, is_logged boolean)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH due AS MATERIALIZED (
            SELECT a.store_id, a.id
              FROM alerts a
             WHERE (a.raise_told_at IS NULL OR (a.recovered_at IS NOT NULL AND a.recovery_told_at IS NULL))
               AND a.next_notice_at <= clock_timestamp()
             ORDER BY a.next_notice_at
             LIMIT most
               FOR UPDATE SKIP LOCKED
        )
        UPDATE alerts a
           SET next_notice_at = clock_timestamp() + hold, tries = a.tries + 1
          FROM due
         WHERE a.store_id = due.store_id AND a.id = due.id
        RETURNING a.store_id, a.id, a.kind, a.entity, a.source, a.log_id, a.measured, a.threshold, a.raised_at, a.recovered_at,
                  a.raise_told_at IS NOT NULL, a.tries, a.is_logged;
    END;

-- Episodes that ended long ago, told or not.
CREATE FUNCTION dispatch_prune_alerts(older_than interval) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH gone AS (DELETE FROM alerts a WHERE a.recovered_at < clock_timestamp() - older_than RETURNING 1)
        SELECT count(*) FROM gone;
    END;

-- Before the change of owner, as in 0001.
DO $$
DECLARE
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY['add_to_totals()', 'measure_logs()', 'measure_totals()', 'measure_watermarks()',
        'measure_outbound()', 'measure_breaches(interval)', 'measure_alerts()', 'watch_failures(interval)',
        'watch_running(interval)', 'watch_runs(integer)', 'list_open_alerts()', 'claim_notices(interval, integer)',
        'dispatch_prune_alerts(interval)']
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sluice_app', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sluice_system', made);
    END LOOP;
END
$$;

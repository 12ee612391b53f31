-- Lists of logs by kind, and what the dispatcher deletes after its retention: each reads what it returns, and little more.

-- A list filtered by entity, source, mode or status looks into the kinds that a store has and match, each in its own order. Only
-- what has ended is in here, so that accepting a batch pays nothing for it; what runs is bounded, and has indexes of its own.
CREATE INDEX sync_logs_ended_by_kind ON sync_logs (store_id, entity, source, mode, status, accepted_seq DESC)
    WHERE status <> 'running';
-- New ranges are summarised as they fill, not at the next vacuum.
ALTER INDEX sync_logs_by_age SET (autosummarize = on);
ALTER INDEX wc_sync_items_by_age SET (autosummarize = on);

CREATE POLICY across_stores ON sync_coverage TO sluice_system USING (true);
GRANT SELECT, UPDATE, DELETE ON sync_coverage TO sluice_system;

-- The functions of 0004, 0007 and 0008. Only their owner may change them.
SET LOCAL ROLE sluice_system;

-- A store's oldest logs, by the order of acceptance: block ranges lose their meaning as the room of deleted logs is used again.
-- A store whose oldest ended log is young enough costs one look.
CREATE OR REPLACE FUNCTION dispatch_prune(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, l.id
              FROM stores s,
           LATERAL (SELECT f.accepted_at
                      FROM sync_logs f
                     WHERE f.store_id = s.id AND f.status NOT IN ('running', 'paused')
                     ORDER BY f.accepted_seq
                     LIMIT 1) oldest,
           LATERAL (SELECT n.id, n.accepted_at
                      FROM sync_logs n
                     WHERE n.store_id = s.id AND n.status NOT IN ('running', 'paused')
                       AND oldest.accepted_at < now() - older_than
                     ORDER BY n.accepted_seq
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) l
             WHERE l.accepted_at < now() - older_than
             LIMIT most
        ), gone AS (
            DELETE FROM sync_logs l
             USING old
             WHERE l.store_id = old.store_id AND l.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

CREATE OR REPLACE FUNCTION dispatch_prune_push(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, i.id
              FROM stores s
             CROSS JOIN unnest(ARRAY['completed', 'failed', 'superseded']) ended (status),
           LATERAL (SELECT n.id
                      FROM wc_sync_items n
                     WHERE n.store_id = s.id AND n.status = ended.status AND n.created_at < now() - older_than
                     ORDER BY n.created_at
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) i
             LIMIT most
        ), gone AS (
            DELETE FROM wc_sync_items i
             USING old
             WHERE i.store_id = old.store_id AND i.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- Runs and holds that ended long ago, once none of their items is left.
CREATE FUNCTION dispatch_prune_push_runs(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, b.id
              FROM stores s
             CROSS JOIN unnest(ARRAY['completed', 'approved', 'released']) ended (status),
           LATERAL (SELECT n.id
                      FROM wc_sync_batches n
                     WHERE n.store_id = s.id AND n.status = ended.status AND n.created_at < now() - older_than
                       AND NOT EXISTS (SELECT FROM wc_sync_items i WHERE i.store_id = n.store_id AND i.batch_id = n.id)
                       AND NOT EXISTS (SELECT FROM wc_sync_items i WHERE i.store_id = n.store_id AND i.hold_id = n.id)
                     ORDER BY n.created_at
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) b
             LIMIT most
        ), gone AS (
            DELETE FROM wc_sync_batches b
             USING old
             WHERE b.store_id = old.store_id AND b.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- Windows of long ago that touch or overlap become one, under the youngest of them: what is covered stays the same, and a
-- ledger of years stays short. Returns how many went into others.
CREATE FUNCTION dispatch_merge_coverage(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, e.entity, w.id, tstzrange(w.covered_from, w.covered_until) AS part
              FROM stores s
             CROSS JOIN unnest(ARRAY['orders', 'products', 'customers', 'categories']) e (entity),
           LATERAL (SELECT c.id, c.covered_from, c.covered_until
                      FROM sync_coverage c
                     WHERE c.store_id = s.id AND c.entity = e.entity AND c.covered_until < now() - older_than
                       AND c.recorded_at < now() - older_than AND c.is_complete
                       AND (c.covered_from IS NULL OR c.covered_from < c.covered_until)
                     ORDER BY c.covered_until
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) w
        ), merged AS (
            SELECT o.store_id, o.entity, unnest(range_agg(o.part)) AS whole
              FROM old o
             GROUP BY o.store_id, o.entity
            HAVING count(*) > 1
        ), homes AS MATERIALIZED (
            SELECT o.store_id, o.id, m.whole, max(o.id) OVER parts AS keeper, count(*) OVER parts AS windows
              FROM old o
              JOIN merged m ON m.store_id = o.store_id AND m.entity = o.entity AND m.whole @> o.part
            WINDOW parts AS (PARTITION BY o.store_id, o.entity, m.whole)
        ), kept AS (
            UPDATE sync_coverage c
               SET covered_from = lower(h.whole), covered_until = upper(h.whole)
              FROM homes h
             WHERE c.store_id = h.store_id AND c.id = h.id AND h.id = h.keeper AND h.windows > 1
        ), gone AS (
            DELETE FROM sync_coverage c
             USING homes h
             WHERE c.store_id = h.store_id AND c.id = h.id AND h.id <> h.keeper
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

REVOKE ALL ON FUNCTION dispatch_prune_push_runs(interval, integer), dispatch_merge_coverage(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_push_runs(interval, integer), dispatch_merge_coverage(interval, integer) TO sluice_app;
RESET ROLE;

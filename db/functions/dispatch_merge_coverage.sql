-- Merges old windows that touch or overlap into the youngest of them; returns how many were merged away.
-- What is covered stays the same, and a ledger of years stays short.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_merge_coverage(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, e.entity, w.id, tstzrange(w.covered_from, w.covered_until) AS part
              FROM stores s
             CROSS JOIN entities e (entity),
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
        ), targets AS MATERIALIZED (
            SELECT o.store_id, o.id, m.whole, max(o.id) OVER parts AS keeper, count(*) OVER parts AS windows
              FROM old o
              JOIN merged m ON m.store_id = o.store_id AND m.entity = o.entity AND m.whole @> o.part
            WINDOW parts AS (PARTITION BY o.store_id, o.entity, m.whole)
        ), kept AS (
            UPDATE sync_coverage c
               SET covered_from = lower(t.whole), covered_until = upper(t.whole)
              FROM targets t
             WHERE c.store_id = t.store_id AND c.id = t.id AND t.id = t.keeper AND t.windows > 1
        ), gone AS (
            DELETE FROM sync_coverage c
             USING targets t
             WHERE c.store_id = t.store_id AND c.id = t.id AND t.id <> t.keeper
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_merge_coverage(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_merge_coverage(interval, integer) TO sluice_app;

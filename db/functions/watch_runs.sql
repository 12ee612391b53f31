-- The last `recent` completed runs of each store, entity and source, if a record was invalid or a run had none.
-- zero_runs: how many of the newest in a row had no record; had_rows: whether an older one had.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION watch_runs(recent integer)
    RETURNS TABLE (store_id uuid, entity text, source text, runs bigint, zero_runs bigint, had_rows boolean, received bigint,
                   invalid bigint, log_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id, e.entity, o.source, r.runs, r.zero_runs, r.had_rows, r.received, r.invalid, r.log_id
          FROM stores s
         CROSS JOIN entities e (entity)
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
REVOKE ALL ON FUNCTION watch_runs(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_runs(integer) TO sluice_app;

-- Totals over all logs ever, by entity and source. They only grow.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_totals()
    RETURNS TABLE (entity text, source text, completed bigint, failed bigint, cancelled bigint, attempts bigint,
                   inserted bigint, updated bigint, unchanged bigint, stale bigint, invalid bigint, existing bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT t.entity, t.source, sum(t.completed)::bigint, sum(t.failed)::bigint, sum(t.cancelled)::bigint,
               sum(t.attempts)::bigint, sum(t.inserted)::bigint, sum(t.updated)::bigint, sum(t.unchanged)::bigint,
               sum(t.stale)::bigint, sum(t.invalid)::bigint, sum(t.existing)::bigint
          FROM sync_totals t
         GROUP BY t.entity, t.source;
    END;
REVOKE ALL ON FUNCTION measure_totals() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_totals() TO sluice_app;

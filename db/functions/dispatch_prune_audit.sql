-- Deletes audit events older than that, and never one younger than 30 days; returns how many.
-- The minimum keeps retention from being a way to delete the trail.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_prune_audit(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT e.id
              FROM public.audit_events e
             WHERE e.happened_at < now() - greatest(older_than, interval '30 days')
             ORDER BY e.happened_at, e.id
             LIMIT most
        ), gone AS (
            DELETE FROM public.audit_events e
             USING old
             WHERE e.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_prune_audit(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_audit(interval, integer) TO sluice_app;

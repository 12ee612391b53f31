-- Open alerts of all stores: those that nobody acknowledged first, the newest of each first. For operators.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_alerts_of_all(most integer)
    RETURNS TABLE (store_id uuid, id uuid, kind text, entity text, source text, log_id uuid, measured double precision,
                   threshold double precision, raised_at timestamptz, acknowledged_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT a.store_id, a.id, a.kind, a.entity, a.source, a.log_id, a.measured, a.threshold, a.raised_at, a.acknowledged_at
          FROM alerts a
         WHERE a.recovered_at IS NULL
         ORDER BY a.acknowledged_at IS NOT NULL, a.raised_at DESC, a.id
         LIMIT most;
    END;
REVOKE ALL ON FUNCTION list_alerts_of_all(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_alerts_of_all(integer) TO sluice_app;

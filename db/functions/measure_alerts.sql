-- Alerts by kind: how many are open, and how many have a notice to send.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_alerts() RETURNS TABLE (kind text, opened bigint, waiting bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT a.kind, count(*) FILTER (WHERE a.recovered_at IS NULL),
               count(*) FILTER (WHERE a.raise_notified_at IS NULL OR (a.recovered_at IS NOT NULL AND a.recovery_notified_at IS NULL))
          FROM alerts a
         WHERE a.recovered_at IS NULL OR a.raise_notified_at IS NULL OR a.recovery_notified_at IS NULL
         GROUP BY a.kind;
    END;
REVOKE ALL ON FUNCTION measure_alerts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_alerts() TO sluice_app;

-- Takes due notices, oldest first, for `hold`; after that they are due again.
-- Skips notices that another process has locked.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION claim_notices(hold interval, most integer)
    RETURNS TABLE (store_id uuid, id uuid, kind text, entity text, source text, log_id uuid, measured float8, threshold float8,
                   raised_at timestamptz, recovered_at timestamptz, raise_notified boolean, tries integer, is_logged boolean)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH due AS MATERIALIZED (
            SELECT a.store_id, a.id
              FROM alerts a
             WHERE (a.raise_notified_at IS NULL OR (a.recovered_at IS NOT NULL AND a.recovery_notified_at IS NULL))
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
                  a.raise_notified_at IS NOT NULL, a.tries, a.is_logged;
    END;
REVOKE ALL ON FUNCTION claim_notices(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_notices(interval, integer) TO sluice_app;

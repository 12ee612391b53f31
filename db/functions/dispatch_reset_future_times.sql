-- Sets times of admitted logs that lie in the future to now; returns how many logs.
-- A clock that is set back (a failover to another host) would otherwise make "in two seconds" last as long as the step back.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_reset_future_times() RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH ahead AS MATERIALIZED (
            SELECT s.store_id, s.id
              FROM sync_logs s
             WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
               AND (s.enqueued_at > clock_timestamp() + interval '1 second'
                    OR (s.attempts = 0 AND s.accepted_at > clock_timestamp()
                        AND s.next_attempt_at > clock_timestamp() + interval '1 second'))
               FOR UPDATE SKIP LOCKED
        ), mended AS (
            UPDATE sync_logs l
               SET next_attempt_at = least(l.next_attempt_at, clock_timestamp()),
                   enqueued_at = least(l.enqueued_at, clock_timestamp())
              FROM ahead
             WHERE l.store_id = ahead.store_id AND l.id = ahead.id
            RETURNING 1
        )
        SELECT count(*) FROM mended;
    END;
REVOKE ALL ON FUNCTION dispatch_reset_future_times() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_reset_future_times() TO sluice_app;

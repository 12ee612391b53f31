-- The database's clock may be set back: by a failover to another host, or where it had run ahead. What was to happen "in
-- two seconds" would then wait for as long as the clock was set back.

-- Admitted logs that were enqueued, or accepted and not tried yet, at a time that is still to come: their times are brought
-- to now, from where the usual rules hold. Each is found once. Returns how many.
CREATE FUNCTION dispatch_mend_times() RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
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

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION dispatch_mend_times() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_mend_times() TO sluice_app;
ALTER FUNCTION dispatch_mend_times() OWNER TO sluice_system;

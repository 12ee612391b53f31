-- Fails logs that have used up their attempts without a result, as a batch does that kills its worker each time.
-- Keeps the payload. Skips locked rows.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_give_up(most_attempts integer, error_code text, error_message text)
    RETURNS TABLE (store_id uuid, log_id uuid)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH spent AS MATERIALIZED (
                SELECT s.store_id, s.id
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                   AND s.next_attempt_at <= clock_timestamp() AND s.attempts >= most_attempts
                   FOR UPDATE SKIP LOCKED
        )
        UPDATE sync_logs l
           SET status = 'failed', phase = NULL, finished_at = clock_timestamp(),
               error_code = dispatch_give_up.error_code, error_message = dispatch_give_up.error_message
          FROM spent
         WHERE l.store_id = spent.store_id AND l.id = spent.id
        RETURNING l.store_id, l.id;
    END;
REVOKE ALL ON FUNCTION dispatch_give_up(integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_give_up(integer, text, text) TO sluice_app;

-- Enqueues running logs again that are due, admitted, not waiting in Redis and not locked by a worker.
-- Each enqueue that led to no attempt doubles the pause before the next (2, 4, 8 s), so that a sweep never amplifies. Rows are
-- picked in a materialized step, because a join may run a subquery with LIMIT and SKIP LOCKED again and would then pick others.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_stranded(waiting uuid[], most_attempts integer, most integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer, queue text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        -- A pull that has a worker is not due: the worker moves next_attempt_at ahead while it lives.
        WITH stranded AS MATERIALIZED (
                SELECT s.store_id, s.id
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                   AND s.next_attempt_at <= clock_timestamp()
                   AND s.attempts < most_attempts
                   AND s.enqueued_at < clock_timestamp() - make_interval(secs =>
                       CASE WHEN s.queue = 'pull' THEN 2
                            ELSE power(2, least(greatest(s.enqueues - s.attempts, 0), 3)) END)
                   AND s.id <> ALL (waiting)
                 ORDER BY s.next_attempt_at
                 LIMIT most
                   FOR UPDATE SKIP LOCKED
        )
        UPDATE sync_logs l
           SET enqueues = l.enqueues + 1,
               enqueued_at = clock_timestamp(),
               phase = CASE WHEN l.attempts > 0 THEN 'retrying' ELSE 'queued' END
          FROM stranded
         WHERE l.store_id = stranded.store_id AND l.id = stranded.id
        RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received, l.queue;
    END;
REVOKE ALL ON FUNCTION dispatch_stranded(uuid[], integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_stranded(uuid[], integer, integer) TO sluice_app;

-- Admits waiting logs of every store that has room in its window, and returns them oldest first.
-- Only batches take room: pulls stay outside the window. Rows are picked in a materialized step, because a join may run a subquery
-- with LIMIT and SKIP LOCKED again and would then pick others.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_admit(window_size integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH admitted AS MATERIALIZED (
                SELECT w.store_id, next.id
                  FROM (SELECT DISTINCT s.store_id FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NULL) w,
               LATERAL (SELECT greatest(window_size - count(*), 0) AS room
                          FROM sync_logs o
                         WHERE o.store_id = w.store_id AND o.status = 'running' AND o.enqueued_at IS NOT NULL
                           AND o.queue = 'ingest') r,
               LATERAL (SELECT n.id
                          FROM sync_logs n
                         WHERE n.store_id = w.store_id AND n.status = 'running' AND n.enqueued_at IS NULL
                         ORDER BY n.accepted_seq
                         LIMIT r.room
                           FOR UPDATE SKIP LOCKED) next
        ), enqueued AS (
                UPDATE sync_logs l
                   SET enqueues = l.enqueues + 1, enqueued_at = clock_timestamp()
                  FROM admitted
                 WHERE l.store_id = admitted.store_id AND l.id = admitted.id
             RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received, l.accepted_seq
        )
        SELECT e.store_id, e.id, e.enqueues, e.entity, e.received FROM enqueued e ORDER BY e.accepted_seq;
    END;
REVOKE ALL ON FUNCTION dispatch_admit(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_admit(integer) TO sluice_app;

-- What the dispatcher must do across stores. These functions return ids and counts only.
-- Rows are picked in materialised steps: a join may run a subquery with LIMIT and SKIP LOCKED again, and then it picks others.

-- Logs stand in the table in the order of their acceptance, so a block range index finds the old ones.
CREATE INDEX sync_logs_by_age ON sync_logs USING brin (accepted_at);
GRANT DELETE ON sync_logs TO sluice_system;

-- Stranded logs: running, due, admitted, not waiting in Redis and locked by nobody. A locked row is being processed.
-- Each enqueue that led to no attempt doubles the pause before the next (2, 4, 8 s), so a sweep never amplifies.
CREATE FUNCTION dispatch_stranded(waiting uuid[], most_attempts integer, most integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH stranded AS MATERIALIZED (
                SELECT s.store_id, s.id
                  FROM sync_logs s
                 WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                   AND s.next_attempt_at <= clock_timestamp()
                   AND s.attempts < most_attempts
                   AND s.enqueued_at < clock_timestamp()
                       - make_interval(secs => power(2, least(greatest(s.enqueues - s.attempts, 0), 3)))
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
        RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received;
    END;

-- Admits waiting logs of every store that has room in its window, oldest first.
CREATE FUNCTION dispatch_admit(window_size integer)
    RETURNS TABLE (store_id uuid, log_id uuid, enqueue_no integer, entity text, received integer)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH admitted AS MATERIALIZED (
                SELECT w.store_id, next.id
                  FROM (SELECT DISTINCT s.store_id FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NULL) w,
               LATERAL (SELECT greatest(window_size - count(*), 0) AS room
                          FROM sync_logs o
                         WHERE o.store_id = w.store_id AND o.status = 'running' AND o.enqueued_at IS NOT NULL) r,
               LATERAL (SELECT n.id
                          FROM sync_logs n
                         WHERE n.store_id = w.store_id AND n.status = 'running' AND n.enqueued_at IS NULL
                         ORDER BY n.accepted_seq
                         LIMIT r.room
                           FOR UPDATE SKIP LOCKED) next
        )
        UPDATE sync_logs l
           SET enqueues = l.enqueues + 1, enqueued_at = clock_timestamp()
          FROM admitted
         WHERE l.store_id = admitted.store_id AND l.id = admitted.id
        RETURNING l.store_id, l.id, l.enqueues, l.entity, l.received;
    END;

-- Ends what is out of attempts without a verdict: a batch that kills its worker each time. Its payload is kept.
CREATE FUNCTION dispatch_give_up(most_attempts integer, error_code text, error_message text)
    RETURNS TABLE (store_id uuid, log_id uuid)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
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

-- Ended logs of long ago, with their payloads and record errors (by cascade); idempotency keys go with them.
CREATE FUNCTION dispatch_prune(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.store_id, s.id
              FROM sync_logs s
             WHERE s.accepted_at < now() - older_than AND s.status <> 'running'
             LIMIT most
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM sync_logs l
             USING old
             WHERE l.store_id = old.store_id AND l.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- How much is open, and since when: for health and metrics.
CREATE FUNCTION count_open_logs() RETURNS TABLE (open_logs bigint, oldest_accepted_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT count(*), min(o.accepted_at)
          FROM (SELECT s.accepted_at FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NOT NULL
                 UNION ALL
                SELECT s.accepted_at FROM sync_logs s WHERE s.status = 'running' AND s.enqueued_at IS NULL) o;
    END;

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION dispatch_stranded(uuid[], integer, integer), dispatch_admit(integer),
    dispatch_give_up(integer, text, text), dispatch_prune(interval, integer), count_open_logs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_stranded(uuid[], integer, integer), dispatch_admit(integer),
    dispatch_give_up(integer, text, text), dispatch_prune(interval, integer), count_open_logs() TO sluice_app;
ALTER FUNCTION dispatch_stranded(uuid[], integer, integer) OWNER TO sluice_system;
ALTER FUNCTION dispatch_admit(integer) OWNER TO sluice_system;
ALTER FUNCTION dispatch_give_up(integer, text, text) OWNER TO sluice_system;
ALTER FUNCTION dispatch_prune(interval, integer) OWNER TO sluice_system;
ALTER FUNCTION count_open_logs() OWNER TO sluice_system;

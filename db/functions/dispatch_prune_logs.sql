-- Deletes ended logs older than that, with payloads and record errors (by cascade); returns how many.
-- Idempotency keys go with their logs. Reads each store's oldest logs in order of acceptance, since block ranges lose their meaning
-- once the space of deleted logs is used again. A store whose oldest ended log is young enough costs one lookup.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION dispatch_prune_logs(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT s.id AS store_id, l.id
              FROM stores s,
           LATERAL (SELECT f.accepted_at
                      FROM sync_logs f
                     WHERE f.store_id = s.id AND f.status NOT IN ('running', 'paused')
                     ORDER BY f.accepted_seq
                     LIMIT 1) oldest,
           LATERAL (SELECT n.id, n.accepted_at
                      FROM sync_logs n
                     WHERE n.store_id = s.id AND n.status NOT IN ('running', 'paused')
                       AND oldest.accepted_at < now() - older_than
                     ORDER BY n.accepted_seq
                     LIMIT most
                       FOR UPDATE SKIP LOCKED) l
             WHERE l.accepted_at < now() - older_than
             LIMIT most
        ), gone AS (
            DELETE FROM sync_logs l
             USING old
             WHERE l.store_id = old.store_id AND l.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;
REVOKE ALL ON FUNCTION dispatch_prune_logs(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispatch_prune_logs(interval, integer) TO sluice_app;

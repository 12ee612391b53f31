-- A page of stores, oldest first, with their running logs and recent failures. For operators.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_store_activity(after_created timestamptz, after_id uuid, failed_since timestamptz, most integer)
    RETURNS TABLE (store_id uuid, created_at timestamptz, running bigint, oldest_accepted_at timestamptz, failed bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id, s.created_at, o.running, o.oldest, f.failed
          FROM (SELECT p.id, p.created_at FROM stores p
                 WHERE after_id IS NULL OR (p.created_at, p.id) > (after_created, after_id)
                 ORDER BY p.created_at, p.id
                 LIMIT most) s,
       LATERAL (SELECT count(*) AS running, min(r.accepted_at) AS oldest
                  FROM (SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NOT NULL
                         UNION ALL
                        SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NULL) r) o,
       LATERAL (SELECT count(*) AS failed
                  FROM sync_logs l
                 WHERE l.store_id = s.id AND l.status = 'failed' AND l.finished_at >= failed_since) f
         ORDER BY s.created_at, s.id;
    END;
REVOKE ALL ON FUNCTION list_store_activity(timestamptz, uuid, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_store_activity(timestamptz, uuid, timestamptz, integer) TO sluice_app;

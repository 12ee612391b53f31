-- A page of stores with their running logs, recent failures and open alerts that nobody acknowledged, those in trouble first.
-- Alerts count more than failures, failures more than age. For operators. `search` is a part of a name, or six or more characters
-- of an id; '' for all.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_store_activity(search text, failed_since timestamptz, most integer, skip integer)
    RETURNS TABLE (store_id uuid, running bigint, oldest_accepted_at timestamptz, failed bigint, open_alerts bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.id, o.running, o.oldest, s.failed, s.open_alerts
          FROM (SELECT p.id, p.created_at, f.failed, coalesce(a.n, 0) AS open_alerts
                  FROM stores p
                  LEFT JOIN (SELECT t.store_id, count(*) AS n
                               FROM alerts t
                              WHERE t.recovered_at IS NULL AND t.acknowledged_at IS NULL
                              GROUP BY t.store_id) a ON a.store_id = p.id,
               LATERAL (SELECT count(*) AS failed
                          FROM sync_logs l
                         WHERE l.store_id = p.id AND l.status = 'failed' AND l.finished_at >= failed_since) f
                 WHERE search = '' OR strpos(lower(p.name), lower(search)) > 0 OR (length(search) >= 6 AND strpos(p.id::text, lower(search)) > 0)
                 ORDER BY coalesce(a.n, 0) > 0 DESC, f.failed DESC, p.created_at, p.id
                 LIMIT most OFFSET skip) s,
       LATERAL (SELECT count(*) AS running, min(r.accepted_at) AS oldest
                  FROM (SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NOT NULL
                         UNION ALL
                        SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NULL) r) o
         ORDER BY s.open_alerts > 0 DESC, s.failed DESC, s.created_at, s.id;
    END;
REVOKE ALL ON FUNCTION list_store_activity(text, timestamptz, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_store_activity(text, timestamptz, integer, integer) TO sluice_app;

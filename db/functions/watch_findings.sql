-- For each store that wrote orders which do not add up within `recent`: how many, and how many orders it wrote in that time.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION watch_findings(recent interval) RETURNS TABLE (store_id uuid, found bigint, written bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT f.store_id, f.found, w.written
          FROM (SELECT o.store_id, count(DISTINCT o.order_id) AS found
                  FROM order_findings o
                 WHERE o.found_at > clock_timestamp() - recent
                 GROUP BY o.store_id) f
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(l.inserted + l.updated), 0)::bigint AS written
                 FROM sync_logs l
                WHERE l.store_id = f.store_id AND l.entity = 'orders'
                  AND (l.finished_at > clock_timestamp() - recent OR l.finished_at IS NULL)) w;
    END;
REVOKE ALL ON FUNCTION watch_findings(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_findings(interval) TO sluice_app;

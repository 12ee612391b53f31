-- The age of each scheduled pull's watermark, and the schedule's step, which it may reach.
-- Without a watermark the age counts from the schedule's creation. A pull that is not scheduled is not listed.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION measure_watermarks()
    RETURNS TABLE (store_id uuid, platform text, entity text, age_seconds float8, step_seconds float8,
                   lateness_seconds float8, overlap_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH scheduled AS (
            SELECT c.store_id, c.entity, c.created_at,
                   coalesce(c.every_seconds, extract(epoch FROM c.next_run_at - c.last_run_at), 0)::float8 AS step
              FROM schedules c
             UNION ALL
            SELECT w.store_id, 'orders', NULL, 300 FROM wc_schedules w WHERE w.task = 'orders'
        )
        SELECT c.store_id, s.platform, c.entity,
               extract(epoch FROM clock_timestamp() - coalesce(m.last_sync_time, min(c.created_at))),
               max(c.step), extract(epoch FROM m.lateness), extract(epoch FROM m.overlap)
          FROM scheduled c
          JOIN stores s ON s.id = c.store_id
          LEFT JOIN sync_metadata m ON m.store_id = c.store_id AND m.sync_type = c.entity
         GROUP BY c.store_id, s.platform, c.entity, m.last_sync_time, m.lateness, m.overlap;
    END;
REVOKE ALL ON FUNCTION measure_watermarks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION measure_watermarks() TO sluice_app;

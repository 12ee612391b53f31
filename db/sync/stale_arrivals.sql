-- name: upsert_stale_arrivals
-- Keeps the last arrival of each record that was older than the stored version.
INSERT INTO stale_arrivals (store_id, entity, external_id, log_id, offered_version)
SELECT %(store_id)s, %(entity)s, late.key, %(log_id)s, late.offered
  FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) late (key, offered)
 ORDER BY late.key
    ON CONFLICT (store_id, entity, external_id) DO UPDATE SET
       log_id = EXCLUDED.log_id, offered_version = EXCLUDED.offered_version, arrived_at = EXCLUDED.arrived_at

-- name: get_stale_arrival
-- No row if no older version ever arrived.
SELECT log_id, offered_version, arrived_at
  FROM stale_arrivals
 WHERE store_id = %(store_id)s AND entity = %(entity)s AND external_id = %(external_id)s

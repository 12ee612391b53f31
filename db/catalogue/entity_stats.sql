-- name: add_to_stats
-- Safe beside other transactions that add to the same count.
INSERT INTO entity_stats AS stats (store_id, entity, record_count, last_sync_time, last_record_time, records_synced)
VALUES (%(store_id)s, %(entity)s, %(inserted)s, now(), %(newest)s, %(synced)s)
    ON CONFLICT (store_id, entity) DO UPDATE SET
       record_count = stats.record_count + EXCLUDED.record_count,
       last_sync_time = greatest(stats.last_sync_time, EXCLUDED.last_sync_time),
       last_record_time = greatest(stats.last_record_time, EXCLUDED.last_record_time),
       records_synced = EXCLUDED.records_synced

-- name: list_stats
-- At most four rows.
SELECT entity, record_count, last_sync_time, last_record_time, records_synced, is_full_sync
  FROM entity_stats
 WHERE store_id = %(store_id)s

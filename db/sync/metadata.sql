-- name: get_metadata
-- No row before a pull of the entity has completed.
SELECT sync_type, last_sync_time, last_record_time, records_synced, is_full_sync, overlap, lateness, worst_lateness,
       populated_to, populated_from, populated_at, lowest_id
  FROM sync_metadata
 WHERE store_id = %(store_id)s AND sync_type = %(sync_type)s

-- name: list_metadata
-- At most four rows.
SELECT sync_type, last_sync_time, last_record_time, records_synced, is_full_sync, overlap, lateness, worst_lateness,
       populated_to, populated_from, populated_at, lowest_id
  FROM sync_metadata
 WHERE store_id = %(store_id)s

-- name: take_rest
-- Returns what a run left unread and clears it in the same statement.
WITH found AS MATERIALIZED (
    SELECT store_id, sync_type, rest, rest_page FROM sync_metadata
     WHERE store_id = %(store_id)s AND sync_type = %(sync_type)s AND rest IS NOT NULL
       FOR UPDATE
)
UPDATE sync_metadata m
   SET rest = NULL, rest_page = NULL
  FROM found
 WHERE m.store_id = found.store_id AND m.sync_type = found.sync_type
RETURNING found.rest, found.rest_page

-- name: upsert_metadata
-- Part of the transaction that completes a run. The watermark never goes back; the overlap never shrinks.
INSERT INTO sync_metadata AS m (store_id, sync_type, last_sync_time, last_record_time, records_synced, is_full_sync, overlap,
                                lateness, worst_lateness, rest, rest_page)
VALUES (%(store_id)s, %(sync_type)s, %(last_sync_time)s, %(last_record_time)s, %(records_synced)s, %(is_full_sync)s,
        %(overlap)s, %(lateness)s, %(lateness)s, %(rest)s, %(rest_page)b)
    ON CONFLICT (store_id, sync_type) DO UPDATE SET
       last_sync_time = greatest(m.last_sync_time, EXCLUDED.last_sync_time),
       last_record_time = greatest(m.last_record_time, EXCLUDED.last_record_time),
       records_synced = EXCLUDED.records_synced, is_full_sync = EXCLUDED.is_full_sync,
       overlap = greatest(m.overlap, EXCLUDED.overlap),
       lateness = coalesce(EXCLUDED.lateness, m.lateness),
       worst_lateness = greatest(m.worst_lateness, EXCLUDED.lateness),
       rest = coalesce(EXCLUDED.rest, m.rest),
       rest_page = CASE WHEN EXCLUDED.rest IS NULL THEN m.rest_page ELSE EXCLUDED.rest_page END

-- name: mark_populated
-- Where the next populate may resume. Part of the transaction that completes one.
UPDATE sync_metadata
   SET populated_to = greatest(populated_to, %(populated_to)s), populated_from = %(populated_from)s, populated_at = %(populated_at)s
 WHERE store_id = %(store_id)s AND sync_type = %(sync_type)s

-- name: mark_lowest
-- The lowest id that the platform shows.
UPDATE sync_metadata SET lowest_id = %(lowest_id)s WHERE store_id = %(store_id)s AND sync_type = %(sync_type)s

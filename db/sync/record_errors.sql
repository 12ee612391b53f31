-- name: delete_record_errors
-- A log that is processed again reports again.
DELETE FROM sync_record_errors WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: insert_record_errors
-- One row for each problem of each skipped record, in order, up to the limit of the log.
INSERT INTO sync_record_errors (store_id, log_id, record_index, external_id, field, code, reason)
SELECT %(store_id)s, %(log_id)s, p.record_index, p.external_id, p.field, p.code, p.reason
  FROM unnest(%(indexes)s::int[], %(ids)s::text[], %(fields)s::text[], %(codes)s::text[], %(reasons)s::text[])
       WITH ORDINALITY p (record_index, external_id, field, code, reason, place)
 ORDER BY p.place
 LIMIT (SELECT greatest(%(most)s - count(*), 0)
          FROM sync_record_errors
         WHERE store_id = %(store_id)s AND log_id = %(log_id)s)
    ON CONFLICT DO NOTHING

-- name: count_unlisted_errors
-- Adds to what the log's earlier pages counted. Part of the transaction that inserted the others.
UPDATE sync_logs SET unlisted_errors = unlisted_errors + %(unlisted)s
 WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: get_unlisted_errors
-- Read only if a log has record errors: most have none.
SELECT unlisted_errors FROM sync_logs WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: list_record_errors
-- In the batch's order, after the cursor.
SELECT record_index, external_id, field, code, reason
  FROM sync_record_errors
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s
   AND (record_index, field) > (%(after_index)s, %(after_field)s)
 ORDER BY record_index, field
 LIMIT %(most)s

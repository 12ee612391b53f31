-- name: delete_record_errors
-- A log that is processed again reports anew.
DELETE FROM sync_record_errors WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: insert_record_errors
-- One row for each problem of each skipped record.
INSERT INTO sync_record_errors (store_id, log_id, record_index, external_id, field, code, reason)
SELECT %(store_id)s, %(log_id)s, problem.*
  FROM unnest(%(indexes)s::int[], %(ids)s::text[], %(fields)s::text[], %(codes)s::text[], %(reasons)s::text[]) problem
    ON CONFLICT DO NOTHING

-- name: list_record_errors
-- In the batch's order, from behind the cursor.
SELECT record_index, external_id, field, code, reason
  FROM sync_record_errors
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s
   AND (record_index, field) > (%(after_index)s, %(after_field)s)
 ORDER BY record_index, field
 LIMIT %(most)s

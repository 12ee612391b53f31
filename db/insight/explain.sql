-- name: get_stored_record
-- The row with this external id.
SELECT source_updated_at, accepted_seq, synced_at, {created} AS created_at
  FROM {table} WHERE store_id = %(store_id)s AND external_id = %(external_id)s

-- name: get_values
-- The record's own columns in the row with this external id.
SELECT id, {columns} FROM {table} WHERE store_id = %(store_id)s AND external_id = %(external_id)s

-- name: list_lines
-- The lines of one record in their order.
SELECT {columns} FROM {table} WHERE store_id = %(store_id)s AND {owner} = %(owner_id)s ORDER BY position LIMIT %(most)s

-- name: get_log_of_seq
-- The log that wrote a version: a batch by its accepted_seq, a pull by that of its page. No row after it was pruned.
SELECT id FROM sync_logs WHERE store_id = %(store_id)s AND accepted_seq = %(accepted_seq)s
 UNION ALL
SELECT log_id FROM pull_pages WHERE store_id = %(store_id)s AND accepted_seq = %(accepted_seq)s
 LIMIT 1

-- name: get_last_skip
-- From the last log that skipped this record.
SELECT e.log_id, e.field, e.code, e.reason, coalesce(l.finished_at, l.started_at, l.accepted_at) AS skipped_at
  FROM sync_record_errors e
  JOIN sync_logs l ON l.store_id = e.store_id AND l.id = e.log_id
 WHERE e.store_id = %(store_id)s AND e.external_id = %(external_id)s::text AND l.entity = %(entity)s
 ORDER BY l.accepted_seq DESC, e.record_index DESC
 LIMIT 1

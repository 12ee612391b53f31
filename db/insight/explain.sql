-- name: get_stored_record
-- The row with this external id.
SELECT source_updated_at, accepted_seq, synced_at, {created} AS created_at
  FROM {table} WHERE store_id = %(store_id)s AND external_id = %(external_id)s

-- name: get_values
-- Name and text of each column of the row with this external id, in the order of the table.
SELECT e.key, e.value
  FROM {table} t, json_each_text(row_to_json(t)) e
 WHERE t.store_id = %(store_id)s AND t.external_id = %(external_id)s

-- name: list_item_values
-- The same of an order's first items, by their place in the order.
SELECT i.position, e.key, e.value
  FROM orders o
  JOIN order_items i ON i.store_id = o.store_id AND i.order_id = o.id,
       json_each_text(row_to_json(i)) e
 WHERE o.store_id = %(store_id)s AND o.external_id = %(external_id)s AND i.position < %(most)s
 ORDER BY i.position

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

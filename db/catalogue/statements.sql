-- name: get_versions
-- The version of each stored row, without locking it.
SELECT external_id, id, source_updated_at, accepted_seq, content_hash
  FROM {table}
 WHERE store_id = %(store_id)s AND external_id = ANY (%(keys)s::bigint[])

-- name: get_ids
-- The row ids of the records that are stored.
SELECT external_id, id FROM {table} WHERE store_id = %(store_id)s AND external_id = ANY (%(keys)s::bigint[])

-- name: create_stage
-- Once per session. Empty again after each transaction, so that a pooled connection carries nothing over.
CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ({definitions}) ON COMMIT DELETE ROWS

-- name: copy_stage
-- Into a temporary table, because row-level security does not allow COPY. Each line is a JSON array, see copy_lines.py.
COPY {stage} ({columns}) FROM STDIN (FORMAT csv, ENCODING 'UTF8', NULL 'null', ESCAPE '\')

-- name: upsert
-- Never replaces a newer version, nor a row with another id. In key order, so that two batches can't deadlock.
INSERT INTO {table} AS stored (store_id, {columns}, content_hash)
SELECT %(store_id)s, {columns}, decode(content_hash, 'base64')
  FROM {stage}
 ORDER BY external_id
    ON CONFLICT (store_id, external_id) DO UPDATE SET {assignments}, content_hash = EXCLUDED.content_hash,
       synced_at = EXCLUDED.synced_at
 WHERE stored.id = EXCLUDED.id
   AND (EXCLUDED.source_updated_at, EXCLUDED.accepted_seq) > (stored.source_updated_at, stored.accepted_seq)

-- name: touch
-- Raises versions, never lowers one; locks in key order.
UPDATE {table} stored
   SET source_updated_at = newer.source_updated_at, accepted_seq = %(accepted_seq)s
  FROM (SELECT n.external_id, n.source_updated_at
          FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) n (external_id, source_updated_at)
          JOIN {table} t USING (external_id)
         WHERE t.store_id = %(store_id)s
         ORDER BY n.external_id
           FOR UPDATE OF t) newer
 WHERE stored.store_id = %(store_id)s AND stored.external_id = newer.external_id
   AND (newer.source_updated_at, %(accepted_seq)s) > (stored.source_updated_at, stored.accepted_seq)

-- name: has_lines
-- Whether the store has a row there. After the records are written: their rows are then locked, and earlier writers have committed.
SELECT EXISTS (SELECT FROM {table} WHERE store_id = %(store_id)s)

-- name: delete_lines
-- All lines of the records, which are replaced as a whole.
DELETE FROM {table} WHERE store_id = %(store_id)s AND {owner} = ANY (%(owners)s)

-- name: insert_lines
-- After their records were stored.
INSERT INTO {table} (store_id, {columns}) SELECT %(store_id)s, {columns} FROM {stage}

-- name: link
-- Completes references that waited for these records. The last condition is looked at once, and spares the rest if none waits.
UPDATE {table} waiting
   SET {column} = arrived.id
  FROM unnest(%(keys)s::bigint[], %(ids)s::uuid[]) arrived (key, id)
 WHERE waiting.store_id = %(store_id)s AND waiting.{field} = arrived.key AND waiting.{column} IS NULL
   AND (SELECT EXISTS (SELECT FROM {table} any_waiting
                        WHERE any_waiting.store_id = %(store_id)s AND any_waiting.{column} IS NULL
                          AND any_waiting.{field} IS NOT NULL))

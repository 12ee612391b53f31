-- name: get_category_versions
-- The version of each row that is stored, without locking it.
SELECT wc_category_id, id, source_updated_at, accepted_seq, content_hash
  FROM categories
 WHERE store_id = %(store_id)s AND wc_category_id = ANY (%(keys)s::bigint[])

-- name: create_category_stage
-- Once a session; empties itself at the end of each transaction, so a pooled connection carries nothing over.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_categories (
    id uuid, wc_category_id bigint, name text, wc_parent_id bigint, parent_id uuid, product_count bigint,
    source_updated_at timestamptz, accepted_seq bigint, content_hash bytea
) ON COMMIT DELETE ROWS

-- name: copy_category_stage
-- A temporary table has no row-level security, under which COPY is not allowed.
COPY staged_categories (id, wc_category_id, name, wc_parent_id, parent_id, product_count, source_updated_at, accepted_seq,
      content_hash) FROM STDIN

-- name: upsert_categories
-- Never replaces a newer version; returns the id of each row it wrote. In key order, so that two batches can't deadlock.
INSERT INTO categories AS stored (store_id, id, wc_category_id, name, wc_parent_id, parent_id, product_count, source_updated_at, accepted_seq,
       content_hash)
SELECT %(store_id)s, id, wc_category_id, name, wc_parent_id, parent_id, product_count, source_updated_at, accepted_seq,
       content_hash
  FROM staged_categories
 ORDER BY wc_category_id
    ON CONFLICT (store_id, wc_category_id) DO UPDATE SET
       name = EXCLUDED.name, wc_parent_id = EXCLUDED.wc_parent_id, parent_id = EXCLUDED.parent_id, product_count =
       EXCLUDED.product_count, source_updated_at = EXCLUDED.source_updated_at, accepted_seq =
       EXCLUDED.accepted_seq, content_hash = EXCLUDED.content_hash, synced_at = EXCLUDED.synced_at
 WHERE (EXCLUDED.source_updated_at, EXCLUDED.accepted_seq) > (stored.source_updated_at, stored.accepted_seq)
RETURNING id

-- name: touch_categories
-- Raises versions, never lowers one; locks in key order.
UPDATE categories stored
   SET source_updated_at = newer.source_updated_at, accepted_seq = %(accepted_seq)s
  FROM (SELECT wc_category_id, n.source_updated_at
          FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) n (wc_category_id, source_updated_at)
          JOIN categories t USING (wc_category_id)
         WHERE t.store_id = %(store_id)s
         ORDER BY wc_category_id
           FOR UPDATE OF t) newer
 WHERE stored.store_id = %(store_id)s AND stored.wc_category_id = newer.wc_category_id
   AND (newer.source_updated_at, %(accepted_seq)s) > (stored.source_updated_at, stored.accepted_seq)

-- name: get_category_ids
-- The ids of those that are stored.
SELECT wc_category_id, id FROM categories WHERE store_id = %(store_id)s AND wc_category_id = ANY (%(keys)s::bigint[])

-- name: link_categories
-- Completes what waited for these parents; touches nothing else.
UPDATE categories waiting
   SET parent_id = arrived.id
  FROM unnest(%(keys)s::bigint[], %(ids)s::uuid[]) arrived (key, id)
 WHERE waiting.store_id = %(store_id)s AND waiting.wc_parent_id = arrived.key AND waiting.parent_id IS NULL

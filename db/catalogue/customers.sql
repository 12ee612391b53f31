-- name: get_customer_versions
-- The version of each row that is stored, without locking it.
SELECT {key}, id, source_updated_at, accepted_seq, content_hash
  FROM customers
 WHERE store_id = %(store_id)s AND {key} = ANY (%(keys)s::bigint[])

-- name: create_customer_stage
-- Once a session; empties itself at the end of each transaction, so a pooled connection carries nothing over.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_customers (
    id uuid, platform_id bigint, email_hash text, display_name text, total_spent numeric, order_count bigint,
    first_order_date timestamptz, last_order_date timestamptz, created_at timestamptz, source_updated_at
    timestamptz, accepted_seq bigint, content_hash bytea
) ON COMMIT DELETE ROWS

-- name: copy_customer_stage
-- A temporary table has no row-level security, under which COPY is not allowed.
COPY staged_customers (id, platform_id, email_hash, display_name, total_spent, order_count, first_order_date, last_order_date,
      created_at, source_updated_at, accepted_seq, content_hash) FROM STDIN

-- name: upsert_customers
-- Never replaces a newer version; returns the id of each row it wrote. In key order, so that two batches can't deadlock.
INSERT INTO customers AS stored (store_id, id, {key}, email_hash, display_name, total_spent, order_count, first_order_date, last_order_date,
       created_at, source_updated_at, accepted_seq, content_hash)
SELECT %(store_id)s, id, platform_id, email_hash, display_name, total_spent, order_count, first_order_date, last_order_date,
       created_at, source_updated_at, accepted_seq, content_hash
  FROM staged_customers
 ORDER BY platform_id
    ON CONFLICT (store_id, {key}) WHERE {key} IS NOT NULL DO UPDATE SET
       email_hash = EXCLUDED.email_hash, display_name = EXCLUDED.display_name, total_spent = EXCLUDED.total_spent,
       order_count = EXCLUDED.order_count, first_order_date = EXCLUDED.first_order_date, last_order_date =
       EXCLUDED.last_order_date, created_at = EXCLUDED.created_at, source_updated_at =
       EXCLUDED.source_updated_at, accepted_seq = EXCLUDED.accepted_seq, content_hash =
       EXCLUDED.content_hash, synced_at = EXCLUDED.synced_at
 WHERE (EXCLUDED.source_updated_at, EXCLUDED.accepted_seq) > (stored.source_updated_at, stored.accepted_seq)
RETURNING id

-- name: touch_customers
-- Raises versions, never lowers one; locks in key order.
UPDATE customers stored
   SET source_updated_at = newer.source_updated_at, accepted_seq = %(accepted_seq)s
  FROM (SELECT n.platform_id, n.source_updated_at
          FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) n (platform_id, source_updated_at)
          JOIN customers t ON t.{key} = n.platform_id
         WHERE t.store_id = %(store_id)s
         ORDER BY n.platform_id
           FOR UPDATE OF t) newer
 WHERE stored.store_id = %(store_id)s AND stored.{key} = newer.platform_id
   AND (newer.source_updated_at, %(accepted_seq)s) > (stored.source_updated_at, stored.accepted_seq)

-- name: get_customer_ids
-- The ids of those that are stored.
SELECT {key}, id FROM customers WHERE store_id = %(store_id)s AND {key} = ANY (%(keys)s::bigint[])

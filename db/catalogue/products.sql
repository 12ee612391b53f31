-- name: get_product_versions
-- The version of each row that is stored, without locking it.
SELECT {key}, id, source_updated_at, accepted_seq, content_hash
  FROM products
 WHERE store_id = %(store_id)s AND {key} = ANY (%(keys)s::bigint[])

-- name: create_product_stage
-- Once a session; empties itself at the end of each transaction, so a pooled connection carries nothing over.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_products (
    id uuid, platform_id bigint, name text, sku text, price numeric, regular_price numeric, sale_price numeric,
    wc_category_id bigint, category_id uuid, category_name text, stock_quantity numeric, stock_status text,
    status text, type text, created_at timestamptz, updated_at timestamptz, source_updated_at timestamptz,
    accepted_seq bigint, content_hash bytea
) ON COMMIT DELETE ROWS

-- name: copy_product_stage
-- A temporary table has no row-level security, under which COPY is not allowed.
COPY staged_products (id, platform_id, name, sku, price, regular_price, sale_price, wc_category_id, category_id, category_name,
      stock_quantity, stock_status, status, type, created_at, updated_at, source_updated_at, accepted_seq,
      content_hash) FROM STDIN

-- name: upsert_products
-- Never replaces a newer version; returns the id of each row it wrote. In key order, so that two batches can't deadlock.
INSERT INTO products AS stored (store_id, id, {key}, name, sku, price, regular_price, sale_price, wc_category_id, category_id, category_name,
       stock_quantity, stock_status, status, type, created_at, updated_at, source_updated_at, accepted_seq,
       content_hash)
SELECT %(store_id)s, id, platform_id, name, sku, price, regular_price, sale_price, wc_category_id, category_id, category_name,
       stock_quantity, stock_status, status, type, created_at, updated_at, source_updated_at, accepted_seq,
       content_hash
  FROM staged_products
 ORDER BY platform_id
    ON CONFLICT (store_id, {key}) WHERE {key} IS NOT NULL DO UPDATE SET
       name = EXCLUDED.name, sku = EXCLUDED.sku, price = EXCLUDED.price, regular_price = EXCLUDED.regular_price,
       sale_price = EXCLUDED.sale_price, wc_category_id = EXCLUDED.wc_category_id, category_id =
       EXCLUDED.category_id, category_name = EXCLUDED.category_name, stock_quantity =
       EXCLUDED.stock_quantity, stock_status = EXCLUDED.stock_status, status = EXCLUDED.status, type =
       EXCLUDED.type, created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at, source_updated_at =
       EXCLUDED.source_updated_at, accepted_seq = EXCLUDED.accepted_seq, content_hash =
       EXCLUDED.content_hash, synced_at = EXCLUDED.synced_at
 WHERE (EXCLUDED.source_updated_at, EXCLUDED.accepted_seq) > (stored.source_updated_at, stored.accepted_seq)
RETURNING id

-- name: touch_products
-- Raises versions, never lowers one; locks in key order.
UPDATE products stored
   SET source_updated_at = newer.source_updated_at, accepted_seq = %(accepted_seq)s
  FROM (SELECT n.platform_id, n.source_updated_at
          FROM unnest(%(keys)s::bigint[], %(times)s::timestamptz[]) n (platform_id, source_updated_at)
          JOIN products t ON t.{key} = n.platform_id
         WHERE t.store_id = %(store_id)s
         ORDER BY n.platform_id
           FOR UPDATE OF t) newer
 WHERE stored.store_id = %(store_id)s AND stored.{key} = newer.platform_id
   AND (newer.source_updated_at, %(accepted_seq)s) > (stored.source_updated_at, stored.accepted_seq)

-- name: get_product_ids
-- The ids of those that are stored.
SELECT {key}, id FROM products WHERE store_id = %(store_id)s AND {key} = ANY (%(keys)s::bigint[])

-- name: link_products
-- Completes what waited for these categories; touches nothing else.
UPDATE products waiting
   SET category_id = arrived.id
  FROM unnest(%(keys)s::bigint[], %(ids)s::uuid[]) arrived (key, id)
 WHERE waiting.store_id = %(store_id)s AND waiting.wc_category_id = arrived.key AND waiting.category_id IS NULL

-- name: lock_catalogue
-- Serialises the writers of a store's catalogue; released with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('erp catalogue ' || %(store_id)s::text, 0))

-- name: get_product_states
-- What decides whether a record is new, changed, unchanged or stale.
SELECT product_id, version, allow_manual_woocommerce_offers, group_hashes
  FROM erp_products
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[])

-- name: upsert_erp_product
-- A record without a version keeps the stored one. A product that was discontinued is no longer.
INSERT INTO erp_products AS stored (store_id, product_id, sku, name, description, regular_price, sale_price, sale_from, sale_to,
       manage_stock, stock_quantity, image_urls, category_ids, allow_manual_woocommerce_offers, version, stated_fields,
       parent_id, attributes, group_hashes)
VALUES (%(store_id)s, %(product_id)s, %(sku)s, %(name)s, %(description)s, %(regular_price)s, %(sale_price)s, %(sale_from)s,
        %(sale_to)s, %(manage_stock)s, %(stock_quantity)s, %(image_urls)s, %(category_ids)s,
        %(allow_manual_woocommerce_offers)s, %(version)s, %(stated_fields)s, %(parent_id)s, %(attributes)s,
        %(group_hashes)s)
    ON CONFLICT (store_id, product_id) DO UPDATE SET
       sku = EXCLUDED.sku, name = EXCLUDED.name, description = EXCLUDED.description, regular_price = EXCLUDED.regular_price,
       sale_price = EXCLUDED.sale_price, sale_from = EXCLUDED.sale_from, sale_to = EXCLUDED.sale_to,
       manage_stock = EXCLUDED.manage_stock, stock_quantity = EXCLUDED.stock_quantity, image_urls = EXCLUDED.image_urls,
       category_ids = EXCLUDED.category_ids, version = coalesce(EXCLUDED.version, stored.version),
       allow_manual_woocommerce_offers = EXCLUDED.allow_manual_woocommerce_offers,
       stated_fields = EXCLUDED.stated_fields, parent_id = EXCLUDED.parent_id, attributes = EXCLUDED.attributes, group_hashes = EXCLUDED.group_hashes, discontinued_at = NULL,
       updated_at = clock_timestamp()

-- name: get_products
-- The current products with their hashes, whether a call may have created each in the shop, the store's policy for a discontinued one,
-- the shop's product of the parent, and the options of variations that are sold, oldest first.
SELECT e.product_id, e.sku, e.name, e.description, e.regular_price, e.sale_price, e.sale_from, e.sale_to, e.manage_stock,
       e.stock_quantity, e.image_urls, e.category_ids, e.allow_manual_woocommerce_offers, e.version, e.stated_fields, e.parent_id,
       e.attributes, e.group_hashes, e.create_begun_at IS NOT NULL,
       CASE WHEN e.discontinued_at IS NOT NULL
            THEN coalesce((SELECT settings ->> 'discontinued' FROM stores WHERE id = %(store_id)s), %(policy)s) END,
       (SELECT p.wc_product_id
          FROM wc_product_sync_mappings p
         WHERE p.store_id = e.store_id AND p.internal_product_id = e.parent_id AND p.wc_parent_id IS NULL),
       (SELECT coalesce(jsonb_object_agg(name, options), '{}')
          FROM (SELECT name, jsonb_agg(option ORDER BY since, option) AS options
                  FROM (SELECT a.key AS name, a.value AS option, min(v.created_at) AS since
                          FROM erp_products v, jsonb_each_text(v.attributes) a
                         WHERE v.store_id = e.store_id AND v.parent_id = e.product_id AND v.discontinued_at IS NULL
                         GROUP BY a.key, a.value) o
                 GROUP BY name) n)
  FROM erp_products e
 WHERE e.store_id = %(store_id)s AND e.product_id = ANY (%(product_ids)s::uuid[])

-- name: mark_create_begun
-- Set after the shop said that it lacks them, and before a call that may create them: one that is found later is ours.
UPDATE erp_products SET create_begun_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[])

-- name: forget_create_begun
-- The shop refused to create them: one that is found later was the shop's before.
UPDATE erp_products SET create_begun_at = NULL
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[])

-- name: list_product_ids
-- All products that the ERP sent; variations last, those of one product together.
SELECT product_id FROM erp_products WHERE store_id = %(store_id)s ORDER BY parent_id NULLS FIRST, product_id

-- name: page_products
-- By the ERP's ids, after the cursor.
SELECT product_id
  FROM erp_products
 WHERE store_id = %(store_id)s AND (%(after)s::uuid IS NULL OR product_id > %(after)s)
 ORDER BY product_id
 LIMIT %(most)s

-- name: list_products_in
-- Products that name one of these categories.
SELECT product_id FROM erp_products WHERE store_id = %(store_id)s AND category_ids && %(category_ids)s::uuid[]

-- name: list_unmapped_variations
-- Variations of these products that the shop lacks, as far as we know.
SELECT e.product_id
  FROM erp_products e
 WHERE e.store_id = %(store_id)s AND e.parent_id = ANY (%(parent_ids)s::uuid[]) AND e.discontinued_at IS NULL
   AND NOT EXISTS (SELECT FROM wc_product_sync_mappings m
                    WHERE m.store_id = e.store_id AND m.internal_product_id = e.product_id)

-- name: count_erp_products
-- How many products the ERP sent.
SELECT count(*) FROM erp_products WHERE store_id = %(store_id)s

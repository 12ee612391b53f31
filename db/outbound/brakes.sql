-- name: count_catalogue
-- One row: how many products are mapped, how many of them could be bought when they were last seen, and how many were discontinued within
-- the last hour and not approved by a person. A product whose stock is not counted (`seen_stock` NULL) can be bought.
SELECT count(*), count(*) FILTER (WHERE coalesce(seen_stock, 1) > 0),
       (SELECT count(*)
          FROM erp_products e
          JOIN wc_product_sync_mappings m ON m.store_id = e.store_id AND m.internal_product_id = e.product_id
         WHERE e.store_id = %(store_id)s AND e.discontinued_at > now() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM wc_sync_items i
                            WHERE i.store_id = e.store_id AND i.product_id = e.product_id AND i.approved AND i.updated_at >= e.discontinued_at))
  FROM wc_product_sync_mappings
 WHERE store_id = %(store_id)s

-- name: list_changes
-- Open, unapproved items that would change a price, empty a product's stock, take a discontinued product off sale, change a product
-- that the shop had before, or repair what a store's policy lets a person decide, compared with what the shop was seen to have. A field
-- that the ERP leaves out stays as it is, and so does a merchant's own offer where it may.
-- Values that a person rejected are not sent, and an item that waits for other look-ups is not listed yet.
WITH open AS (
    SELECT i.id, i.product_id, i.sync_type, i.status = 'needs_approval' AS is_held, e.sku, e.regular_price AS erp_regular_price,
           CASE WHEN e.sale_to < now() THEN NULL ELSE e.sale_price END AS erp_sale_price, e.stated_fields,
           m.seen_regular_price, CASE WHEN m.seen_sale_to < now() THEN NULL ELSE m.seen_sale_price END AS seen_sale_price,
           e.allow_manual_woocommerce_offers AND m.seen_sale_price IS NOT NULL
               AND m.seen_sale_price IS DISTINCT FROM m.sent_sale_price
               AND m.seen_sale_price IS DISTINCT FROM e.sale_price AS keeps_offer,
           (i.sync_type = 'price' OR (i.sync_type = 'product' AND NOT i.payload ? 'fields')) AND e.discontinued_at IS NULL
               AND m.rejected_hashes -> 'price' IS DISTINCT FROM e.group_hashes -> 'price'
               -- The price of a variable product is that of its variations.
               AND NOT EXISTS (SELECT FROM erp_products v WHERE v.store_id = e.store_id AND v.parent_id = e.product_id)
               AS sends_price,
           -- Stock that is counted from now on, without a quantity, begins at zero.
           (i.sync_type = 'stock' OR (i.sync_type = 'product' AND NOT i.payload ? 'fields')) AND e.discontinued_at IS NULL
               AND e.manage_stock AND 'manage_stock' = ANY (e.stated_fields)
               AND m.rejected_hashes -> 'stock' IS DISTINCT FROM e.group_hashes -> 'stock'
               AND coalesce(m.seen_stock, 1) > 0
               AND CASE WHEN 'stock_quantity' = ANY (e.stated_fields) THEN coalesce(e.stock_quantity, 0) <= 0
                        ELSE m.seen_stock IS NULL END AS empties_stock,
           i.sync_type IN ('stock', 'product') AND e.discontinued_at IS NOT NULL
               AND m.rejected_hashes -> 'product' IS DISTINCT FROM e.group_hashes -> 'product'
               AND m.seen_hashes -> 'product' IS DISTINCT FROM e.group_hashes -> 'product' AS takes_off_sale,
           m.sync_status = 'adopted' AND m.rejected_hashes IS DISTINCT FROM e.group_hashes AS is_adopted,
           m.looked_hashes IS DISTINCT FROM e.group_hashes AS has_new_values, m.differences,
           coalesce(i.payload ->> 'policy' = 'hold', false) AS must_be_held
      FROM wc_sync_items i
      JOIN erp_products e ON e.store_id = i.store_id AND e.product_id = i.product_id
      JOIN wc_product_sync_mappings m ON m.store_id = i.store_id AND m.internal_product_id = i.product_id
     WHERE i.store_id = %(store_id)s AND NOT i.approved
       AND (i.status = 'needs_approval' OR (i.status = 'pending' AND i.checked_by_brakes))
), valued AS (
    SELECT id, product_id, is_held, sku, seen_regular_price, seen_sale_price,
           CASE WHEN 'regular_price' = ANY (stated_fields) THEN erp_regular_price ELSE seen_regular_price END AS regular_price,
           CASE WHEN 'sale_price' = ANY (stated_fields) AND NOT keeps_offer THEN erp_sale_price
                ELSE seen_sale_price END AS sale_price,
           sends_price, empties_stock, takes_off_sale,
           -- The ERP may have changed the product since it was compared.
           is_adopted AND (has_new_values OR differences ?| ARRAY(SELECT jsonb_array_elements_text(%(fields)s::jsonb -> sync_type)))
               AS changes_adopted,
           is_adopted AND NOT takes_off_sale AND sync_type NOT IN ('price', 'stock')
               AND (has_new_values OR differences ?| ARRAY['name', 'description', 'categories', 'images', 'image']) AS changes_texts,
           must_be_held
      FROM open
), weighed AS (
    SELECT id, product_id, is_held, sku, seen_regular_price, seen_sale_price, regular_price, sale_price,
           sends_price AND (seen_regular_price, seen_sale_price) IS DISTINCT FROM (regular_price, sale_price) AS changes_price,
           empties_stock, takes_off_sale, changes_adopted, changes_texts, must_be_held
      FROM valued
)
SELECT * FROM weighed WHERE changes_price OR empties_stock OR takes_off_sale OR changes_adopted OR must_be_held

-- name: get_brakes
-- The store's own limits, or NULL.
SELECT settings -> 'brakes' FROM stores WHERE id = %(store_id)s

-- name: set_brakes
-- Keeps the store's other settings.
UPDATE stores SET settings = settings || jsonb_build_object('brakes', %(brakes)s::jsonb) WHERE id = %(store_id)s

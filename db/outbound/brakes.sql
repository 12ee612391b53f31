-- name: count_catalogue
-- One row: how many products are mapped, and how many of them could be bought when they were last sent or adopted. A product
-- whose stock is not counted (`sent_stock` NULL) can be bought.
SELECT count(*), count(*) FILTER (WHERE coalesce(sent_stock, 1) > 0) FROM wc_product_sync_mappings WHERE store_id = %(store_id)s

-- name: list_changes
-- Open, unapproved items that would change a price or empty a product's stock, compared with what was last sent, or what the
-- shop had when the product was adopted.
SELECT i.id, i.product_id, i.status = 'needs_approval' AS is_held, e.sku,
       m.sent_regular_price, m.sent_sale_price, e.regular_price, e.sale_price,
       i.sync_type IN ('price', 'product')
           AND (m.sent_regular_price, m.sent_sale_price) IS DISTINCT FROM (e.regular_price, e.sale_price) AS changes_price,
       i.sync_type IN ('stock', 'product') AND e.manage_stock AND coalesce(m.sent_stock, 1) > 0 AND coalesce(e.stock_quantity, 0) <= 0
           AS empties_stock
  FROM wc_sync_items i
  JOIN erp_products e ON e.store_id = i.store_id AND e.product_id = i.product_id
  JOIN wc_product_sync_mappings m ON m.store_id = i.store_id AND m.internal_product_id = i.product_id
 WHERE i.store_id = %(store_id)s AND i.status IN ('pending', 'needs_approval') AND NOT i.approved
   AND i.sync_type IN ('price', 'stock', 'product')
   AND ((i.sync_type <> 'stock'
         AND (m.sent_regular_price, m.sent_sale_price) IS DISTINCT FROM (e.regular_price, e.sale_price))
        OR (i.sync_type <> 'price' AND e.manage_stock AND coalesce(m.sent_stock, 1) > 0 AND coalesce(e.stock_quantity, 0) <= 0))

-- name: get_brakes
-- The store's own limits, or NULL.
SELECT settings -> 'brakes' FROM stores WHERE id = %(store_id)s

-- name: set_brakes
-- Keeps the store's other settings.
UPDATE stores SET settings = settings || jsonb_build_object('brakes', %(brakes)s::jsonb) WHERE id = %(store_id)s

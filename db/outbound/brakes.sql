-- name: count_catalogue
-- One row: how many products are mapped, and how many of them could be bought when they were last sent or adopted. A product
-- whose stock is not counted (`sent_stock` NULL) can be bought.
SELECT count(*), count(*) FILTER (WHERE coalesce(sent_stock, 1) > 0) FROM wc_product_sync_mappings WHERE store_id = %(store_id)s

-- name: list_changes
-- Open, unapproved items that would change a price or empty a product's stock, compared with what was last sent, or what the
-- shop had when the product was adopted. A field that the ERP leaves out stays as it is.
WITH open AS (
    SELECT i.id, i.product_id, i.status = 'needs_approval' AS is_held, e.sku, m.sent_regular_price, m.sent_sale_price,
           CASE WHEN 'regular_price' = ANY (e.stated_fields) THEN e.regular_price ELSE m.sent_regular_price END AS regular_price,
           CASE WHEN 'sale_price' = ANY (e.stated_fields) THEN e.sale_price ELSE m.sent_sale_price END AS sale_price,
           i.sync_type IN ('price', 'product') AS sends_price,
           -- Stock that is counted from now on, without a quantity, begins at zero.
           i.sync_type IN ('stock', 'product') AND e.manage_stock AND 'manage_stock' = ANY (e.stated_fields)
               AND coalesce(m.sent_stock, 1) > 0
               AND CASE WHEN 'stock_quantity' = ANY (e.stated_fields) THEN coalesce(e.stock_quantity, 0) <= 0
                        ELSE m.sent_stock IS NULL END AS empties_stock
      FROM wc_sync_items i
      JOIN erp_products e ON e.store_id = i.store_id AND e.product_id = i.product_id
      JOIN wc_product_sync_mappings m ON m.store_id = i.store_id AND m.internal_product_id = i.product_id
     WHERE i.store_id = %(store_id)s AND i.status IN ('pending', 'needs_approval') AND NOT i.approved
       AND i.sync_type IN ('price', 'stock', 'product')
), weighed AS (
    SELECT id, product_id, is_held, sku, sent_regular_price, sent_sale_price, regular_price, sale_price,
           sends_price AND (sent_regular_price, sent_sale_price) IS DISTINCT FROM (regular_price, sale_price) AS changes_price,
           empties_stock
      FROM open
)
SELECT * FROM weighed WHERE changes_price OR empties_stock

-- name: get_brakes
-- The store's own limits, or NULL.
SELECT settings -> 'brakes' FROM stores WHERE id = %(store_id)s

-- name: set_brakes
-- Keeps the store's other settings.
UPDATE stores SET settings = settings || jsonb_build_object('brakes', %(brakes)s::jsonb) WHERE id = %(store_id)s

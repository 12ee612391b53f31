-- name: order_totals_by_status
-- One row per status and currency of this store's orders, the largest sum first; amounts of two currencies never mix.
SELECT status, currency, count(*) AS orders, sum(total) AS total
  FROM orders
 WHERE store_id = %(store_id)s
 GROUP BY status, currency
 ORDER BY sum(total) DESC, status, currency

-- name: order_totals_by_month
-- One row per month (UTC) and currency in which this store sold something, oldest first; a month without orders has none.
SELECT date_trunc('month', date_created AT TIME ZONE 'UTC')::date AS month, currency, count(*) AS orders, sum(total) AS total
  FROM orders
 WHERE store_id = %(store_id)s
 GROUP BY 1, currency
 ORDER BY 1, currency

-- name: count_records
-- One row: the rows of each entity of this store, counted in the tables.
SELECT (SELECT count(*) FROM orders WHERE store_id = %(store_id)s) AS orders,
       (SELECT count(*) FROM products WHERE store_id = %(store_id)s) AS products,
       (SELECT count(*) FROM customers WHERE store_id = %(store_id)s) AS customers,
       (SELECT count(*) FROM categories WHERE store_id = %(store_id)s) AS categories

-- name: unresolved_links
-- One row: how many references of this store name a record that has not arrived.
SELECT (SELECT count(*) FROM orders
         WHERE store_id = %(store_id)s AND customer_id IS NULL AND customer_external_id IS NOT NULL) AS orders_to_customers,
       (SELECT count(*) FROM order_items
         WHERE store_id = %(store_id)s AND product_id IS NULL AND product_external_id IS NOT NULL) AS items_to_products,
       (SELECT count(*) FROM products
         WHERE store_id = %(store_id)s AND category_id IS NULL AND category_external_id IS NOT NULL) AS products_to_categories,
       (SELECT count(*) FROM categories
         WHERE store_id = %(store_id)s AND parent_id IS NULL AND parent_external_id IS NOT NULL) AS categories_to_parents

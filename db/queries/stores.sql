-- name: insert_store
-- Row-level security refuses any id but the tenant's own.
INSERT INTO stores (id, name, platform, shop_url) VALUES (%(store_id)s, %(name)s, %(platform)s, %(shop_url)s)

-- name: get_store
-- No row for another tenant's id.
SELECT id, name, platform, shop_url, credentials IS NOT NULL AS has_credentials, last_sync_at, created_at
  FROM stores
 WHERE id = %(store_id)s

-- name: list_store_ids
-- Ids alone, oldest first.
SELECT store_id FROM list_store_ids()

-- name: set_credentials
-- The bytes are encrypted already, and bound to this row.
UPDATE stores SET credentials = %(credentials)b WHERE id = %(store_id)s

-- name: replace_credentials
-- Only while they are what was read: somebody may have set others meanwhile. Encrypted twice, the same text differs.
UPDATE stores SET credentials = %(credentials)b WHERE id = %(store_id)s AND credentials = %(known)b

-- name: get_credentials
-- Encrypted, or NULL.
SELECT credentials FROM stores WHERE id = %(store_id)s

-- name: mark_store_synced
-- Never goes back, whichever of two transactions ends first.
UPDATE stores SET last_sync_at = greatest(last_sync_at, now()) WHERE id = %(store_id)s

-- name: delete_store_order_items
-- All lines of one tenant.
DELETE FROM order_items WHERE store_id = %(store_id)s

-- name: delete_store_orders
-- All orders of one tenant.
DELETE FROM orders WHERE store_id = %(store_id)s

-- name: delete_store_customers
-- All customers of one tenant.
DELETE FROM customers WHERE store_id = %(store_id)s

-- name: delete_store_products
-- All products of one tenant.
DELETE FROM products WHERE store_id = %(store_id)s

-- name: delete_store_categories
-- All categories of one tenant.
DELETE FROM categories WHERE store_id = %(store_id)s

-- name: delete_store_logs
-- All logs of one tenant; payloads and record errors go with them.
DELETE FROM sync_logs WHERE store_id = %(store_id)s

-- name: delete_store
-- The tenant itself; tokens and statistics go with it.
DELETE FROM stores WHERE id = %(store_id)s

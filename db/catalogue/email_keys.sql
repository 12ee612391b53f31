-- name: count_email_keys
-- Customers with an address by key; NULL for a hash without a key, or from before keys were noted. Reads all customers.
SELECT email_key, count(*) FROM customers WHERE store_id = %(store_id)s AND email_hash IS NOT NULL GROUP BY email_key

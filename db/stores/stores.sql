-- name: insert_store
-- Row-level security refuses any id but that of the store that is set.
INSERT INTO stores (id, name, platform, shop_url) VALUES (%(store_id)s, %(name)s, %(platform)s, %(shop_url)s)

-- name: get_store
-- No row for another store's id.
SELECT id, name, platform, shop_url, credentials IS NOT NULL AS has_credentials, last_sync_at, created_at
  FROM stores
 WHERE id = %(store_id)s

-- name: has_key_in_query
-- False until it was set; no row for another store's id.
SELECT coalesce((settings ->> 'key_in_query')::boolean, false) FROM stores WHERE id = %(store_id)s

-- name: set_key_in_query
-- Leaves the store's other settings alone.
UPDATE stores SET settings = settings || jsonb_build_object('key_in_query', %(is_in_query)s::boolean) WHERE id = %(store_id)s

-- name: set_timezone
-- Only a zone that PostgreSQL knows, because views compute days with it. Leaves the store's other settings alone.
UPDATE stores
   SET settings = settings || jsonb_build_object('timezone', %(timezone)s::text)
 WHERE id = %(store_id)s AND EXISTS (SELECT FROM pg_timezone_names WHERE name = %(timezone)s)

-- name: list_store_ids
-- Ids only, oldest first.
SELECT store_id FROM list_store_ids()

-- name: set_credentials
-- The bytes are encrypted and bound to this row.
UPDATE stores SET credentials = %(credentials)b WHERE id = %(store_id)s

-- name: replace_credentials
-- Only if they are what was read. The comparison is safe: the same text encrypted twice differs.
UPDATE stores SET credentials = %(credentials)b WHERE id = %(store_id)s AND credentials = %(known)b

-- name: get_credentials
-- Encrypted, or NULL.
SELECT credentials FROM stores WHERE id = %(store_id)s

-- name: mark_store_synced
-- Never goes back, whichever of two transactions ends first.
UPDATE stores SET last_sync_at = greatest(last_sync_at, now()) WHERE id = %(store_id)s

-- name: stop_store
-- Ends all work for the store. Waits for transactions that apply one of its logs.
UPDATE sync_logs SET status = 'cancelled', phase = NULL, finished_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND status IN ('running', 'paused')

-- name: lock_store
-- Blocks referrers until commit.
SELECT FROM stores WHERE id = %(store_id)s FOR UPDATE

-- name: erase_rows
-- Rows of one store, at most `most`. A log goes with its payload, record errors, run and pages.
DELETE FROM {table}
 WHERE store_id = %(store_id)s
   AND ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE store_id = %(store_id)s LIMIT %(most)s))

-- name: delete_store
-- Deletes the store with its tokens, statistics and other small tables.
DELETE FROM stores WHERE id = %(store_id)s

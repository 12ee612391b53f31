-- name: measure_storage
-- Bytes of each store; one dispatcher at a time, and none within the pause.
SELECT measure_storage(%(most_blocks)s, %(pause)s)

-- name: list_full_stores
-- Ids of stores above the quota, and nothing else of them.
SELECT list_stores_above(%(most_bytes)s)

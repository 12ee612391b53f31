-- name: measure_storage
-- One dispatcher at a time, and none within the pause.
SELECT measure_storage(%(most_blocks)s, %(pause)s)

-- name: list_full_stores
-- Ids of stores above the quota.
SELECT list_stores_above(%(most_bytes)s)

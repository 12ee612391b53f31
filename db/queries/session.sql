-- name: set_asynchronous_commit
-- Local to the transaction.
SET LOCAL synchronous_commit = off

-- name: select_one
-- A sign of life.
SELECT 1

-- name: set_asynchronous_commit
-- Local to the transaction.
SET LOCAL synchronous_commit = off

-- name: set_asynchronous_commit
-- Local to the transaction.
SET LOCAL synchronous_commit = off

-- name: limit_statements
-- Local to the transaction.
SELECT set_config('statement_timeout', %(milliseconds)s, true)

-- name: discard_plans
-- Changes no result; costs the planning of what runs next.
DISCARD PLANS

-- name: prefer_index_order
-- Local to the transaction, like plans that are made in it; changes no result.
SET LOCAL enable_sort = off

-- name: lock_shared
-- Waits while somebody adds rows of the kind; freed with the transaction.
SELECT pg_advisory_xact_lock_shared(hashtextextended(%(kind)s || %(store_id)s::text, 0))

-- name: lock_exclusive
-- Waits while somebody refers to rows of the kind; freed with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended(%(kind)s || %(store_id)s::text, 0))

-- name: lock_shared
-- Waits while another transaction adds rows of the entity; ends with the transaction.
SELECT pg_advisory_xact_lock_shared(hashtextextended(%(entity)s || %(store_id)s::text, 0))

-- name: lock_exclusive
-- Waits while another transaction refers to rows of the entity; ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended(%(entity)s || %(store_id)s::text, 0))

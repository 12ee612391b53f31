-- name: delete_payload
-- Part of the transaction that completes or cancels the log.
DELETE FROM sync_payloads WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: has_payload
-- Whether a failed batch can run again: its payload is kept until then, or until it is pruned.
SELECT EXISTS (SELECT FROM sync_payloads WHERE store_id = %(store_id)s AND log_id = %(log_id)s)

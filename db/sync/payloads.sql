-- name: delete_payload
-- Part of the transaction that completes or cancels the log.
DELETE FROM sync_payloads WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: delete_payload
-- In the transaction that completes or cancels its log.
DELETE FROM sync_payloads WHERE store_id = %(store_id)s AND log_id = %(log_id)s

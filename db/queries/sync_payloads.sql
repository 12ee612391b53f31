-- name: insert_payload
-- The sanitised batch, in the transaction that creates its log.
INSERT INTO sync_payloads (store_id, log_id, body) VALUES (%(store_id)s, %(log_id)s, %(body)b)

-- name: delete_payload
-- In the transaction that completes or cancels its log.
DELETE FROM sync_payloads WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: set_tenant
-- Ends with the transaction (third argument), so that it can't leak to the connection's next user.
SELECT set_config('app.store_id', %(store_id)s, true)

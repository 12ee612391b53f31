-- name: set_tenant
-- Lasts until the end of the transaction (third argument), so it can't leak to the connection's next user.
SELECT set_config('app.store_id', %(store_id)s, true)

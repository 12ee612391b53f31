-- name: take_lease
-- One holder per store; a lease that ran out is free. No row if another process holds it.
INSERT INTO refresh_leases AS l (store_id, holder, held_until)
VALUES (%(store_id)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (store_id) DO UPDATE SET holder = EXCLUDED.holder, held_until = EXCLUDED.held_until
 WHERE l.held_until < clock_timestamp()
RETURNING holder

-- name: release_lease
-- Only by its holder.
DELETE FROM refresh_leases WHERE store_id = %(store_id)s AND holder = %(holder)s

-- name: get_policy
-- NULL if the store has set none.
SELECT settings ->> %(name)s FROM stores WHERE id = %(store_id)s

-- name: set_policy
-- Keeps the store's other settings.
UPDATE stores SET settings = settings || jsonb_build_object(%(name)s::text, %(policy)s::text) WHERE id = %(store_id)s

-- name: authenticate_token
-- No row for an unknown, expired or revoked token.
SELECT token_id, store_id, role, scopes FROM authenticate_token(%(sha256)b)

-- name: insert_token
-- Row-level security refuses a token for another store.
INSERT INTO api_tokens (id, store_id, token_sha256, role, scopes, label, created_by, expires_at)
VALUES (%(token_id)s, %(store_id)s, %(sha256)b, %(role)s, %(scopes)s, %(label)s, %(created_by)s, %(expires_at)s)

-- name: retire_tokens
-- Leaves at most one live token of the role, and that one with an end.
WITH live AS (
    SELECT id, row_number() OVER (ORDER BY created_at DESC, id DESC) AS age
      FROM api_tokens
     WHERE store_id = %(store_id)s AND role = %(role)s
       AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
UPDATE api_tokens t
   SET expires_at = least(t.expires_at, %(expires_at)s),
       revoked_at = CASE WHEN live.age > 1 THEN now() END
  FROM live
 WHERE t.store_id = %(store_id)s AND t.id = live.id

-- name: revoke_tokens
-- Ends every live token of a store.
UPDATE api_tokens SET revoked_at = now()
 WHERE store_id = %(store_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- name: list_tokens
-- Newest first; the hash itself is never read.
SELECT id, role, scopes, label, created_by, created_at, expires_at, revoked_at, last_used_at,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS is_live
  FROM api_tokens
 WHERE store_id = %(store_id)s
 ORDER BY created_at DESC, id DESC
 LIMIT %(most)s

-- name: revoke_token
-- Revokes one live token of a store; no row for another store's.
UPDATE api_tokens SET revoked_at = now()
 WHERE store_id = %(store_id)s AND id = %(token_id)s
   AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- name: retire_token
-- Returns what the replacement of a live token needs. The live one now ends at `ends_at` at the latest.
WITH live AS (
    SELECT id, role, scopes, label, expires_at - created_at AS lifetime
      FROM api_tokens
     WHERE store_id = %(store_id)s AND id = %(token_id)s
       AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
       FOR UPDATE
)
UPDATE api_tokens t
   SET expires_at = least(t.expires_at, %(ends_at)s)
  FROM live
 WHERE t.store_id = %(store_id)s AND t.id = live.id
RETURNING live.role, live.scopes, live.label, live.lifetime

-- name: become_system
-- Until the transaction ends. Refused to every role but the owner.
SET LOCAL ROLE sluice_system

-- name: insert_operator_token
-- An operator has no store.
INSERT INTO api_tokens (id, token_sha256, role, scopes, label, created_by, expires_at)
VALUES (%(token_id)s, %(sha256)b, 'operator', %(scopes)s, %(label)s, %(created_by)s, %(expires_at)s)

-- name: list_operator_tokens
-- Newest first; the hash itself is never read.
SELECT id, role, scopes, label, created_by, created_at, expires_at, revoked_at, last_used_at,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS is_live
  FROM api_tokens
 WHERE role = 'operator'
 ORDER BY created_at DESC, id DESC

-- name: revoke_operator_token
-- Revokes one live operator's token; no row for a store's.
UPDATE api_tokens SET revoked_at = now()
 WHERE role = 'operator' AND id = %(token_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- name: retire_operator_token
-- Returns the label of a live token, which now ends at `ends_at` at the latest.
UPDATE api_tokens SET expires_at = least(expires_at, %(ends_at)s)
 WHERE role = 'operator' AND id = %(token_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
RETURNING label

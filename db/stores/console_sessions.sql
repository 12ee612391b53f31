-- name: open_session
-- No row for an unknown, expired or revoked token. Deletes sessions that are over.
SELECT token_id, store_id, role, scopes
  FROM open_console_session(%(session)b, %(token)b, make_interval(secs => %(lifetime)s))

-- name: find_session
-- No row once the session is over or its token has expired or was revoked.
SELECT token_id, store_id, role, scopes FROM find_console_session(%(session)b)

-- name: close_session
-- Ends it at once, in every browser that has it.
SELECT close_console_session(%(session)b)

-- name: use_link
-- No row for a link that was used or has expired, or whose token was revoked. A link works once, also if two requests use it at once.
SELECT token_id, store_id, role, scopes
  FROM use_sign_in_link(%(link)b, %(session)b, make_interval(secs => %(lifetime)s))

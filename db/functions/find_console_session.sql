-- The token behind a session; no row once the session is over or its token has expired or was revoked.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION find_console_session(session bytea)
    RETURNS TABLE (token_id uuid, store_id uuid, role text, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT t.id, t.store_id, t.role, t.scopes
          FROM public.console_sessions c
          JOIN public.api_tokens t ON t.id = c.token_id
         WHERE c.session_sha256 = session AND c.expires_at > now()
           AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    END;
REVOKE ALL ON FUNCTION find_console_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_console_session(bytea) TO sluice_app;

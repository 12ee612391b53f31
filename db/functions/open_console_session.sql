-- Opens a session with a token; no row for an unknown, expired or revoked one.
-- Deletes sessions that are over.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION open_console_session(session bytea, token bytea, lifetime interval)
    RETURNS TABLE (token_id uuid, store_id uuid, role text, scopes text[])
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    caller record;
BEGIN
    SELECT * INTO caller FROM public.authenticate_token(token);
    IF caller.token_id IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM public.console_sessions c WHERE c.expires_at < now();
    INSERT INTO public.console_sessions (session_sha256, token_id, expires_at)
    VALUES (session, caller.token_id, now() + lifetime);
    RETURN QUERY SELECT caller.token_id, caller.store_id, caller.role, caller.scopes;
END
$$;
REVOKE ALL ON FUNCTION open_console_session(bytea, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_console_session(bytea, bytea, interval) TO sluice_app;

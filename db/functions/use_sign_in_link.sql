-- Opens a session with a one-use link, and ends the link; no row for one that is used, over, or whose token is over.
-- A link is a row of console_sessions under a hash that no cookie has. Of two browsers with the same link one gets the session.
-- needs: find_console_session
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION use_sign_in_link(link bytea, session bytea, lifetime interval)
    RETURNS TABLE (token_id uuid, store_id uuid, role text, scopes text[])
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    caller record;
BEGIN
    SELECT * INTO caller FROM public.find_console_session(link);
    DELETE FROM public.console_sessions c WHERE c.session_sha256 = link;
    IF NOT FOUND OR caller.token_id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO public.console_sessions (session_sha256, token_id, expires_at)
    VALUES (session, caller.token_id, now() + lifetime);
    RETURN QUERY SELECT caller.token_id, caller.store_id, caller.role, caller.scopes;
END
$$;
REVOKE ALL ON FUNCTION use_sign_in_link(bytea, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION use_sign_in_link(bytea, bytea, interval) TO sluice_app;

-- The token's id, store, role and scopes; no row for an unknown, expired or revoked token.
-- Updates last_used_at at most once a minute.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION authenticate_token(sha256 bytea)
    RETURNS TABLE (token_id uuid, store_id uuid, role text, scopes text[])
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    found public.api_tokens%ROWTYPE;
BEGIN
    SELECT * INTO found FROM public.api_tokens t
     WHERE t.token_sha256 = sha256 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    IF found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 minute' THEN
        UPDATE public.api_tokens t SET last_used_at = now() WHERE t.id = found.id;
    END IF;
    RETURN QUERY SELECT found.id, found.store_id, found.role, found.scopes;
END
$$;
REVOKE ALL ON FUNCTION authenticate_token(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_token(bytea) TO sluice_app;

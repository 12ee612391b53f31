-- Tokens say what they may do, who created them and what for; and no function of sluice_system can be led into a temporary table.

ALTER TABLE api_tokens
    ADD COLUMN scopes     text[],
    ADD COLUMN label      text CHECK (length(label) BETWEEN 1 AND 200),
    ADD COLUMN created_by text CHECK (length(created_by) BETWEEN 1 AND 200),   -- NULL: created before this was kept
    DROP CONSTRAINT api_tokens_role_check;
-- Existing tokens keep what their role had, except that a plugin's token no longer writes the ERP's catalogue. Their expiry stays.
ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY;
UPDATE api_tokens
   SET scopes = CASE WHEN role = 'store' THEN ARRAY['ingest', 'read', 'pull']
                     ELSE ARRAY['ingest', 'read', 'erp', 'pull', 'admin'] END;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
-- The role is the preset that a token was created with; `custom` has scopes of its own choice.
ALTER TABLE api_tokens
    ALTER COLUMN scopes SET NOT NULL,
    ADD CONSTRAINT known_roles CHECK (role IN ('store', 'erp', 'admin', 'custom', 'operator')),
    ADD CONSTRAINT known_scopes
        CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['ingest', 'read', 'erp', 'pull', 'admin']);

-- sluice_app stages batches in temporary tables, and nobody else needs any. A name that a function of sluice_system does not
-- qualify, looked up in pg_temp first, would find a table of sluice_app whose trigger then ran as sluice_system: pg_temp comes last.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO sluice_app', current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Only their owner may change them.
SET LOCAL ROLE sluice_system;

DROP FUNCTION create_operator_token(uuid, bytea);   -- the owner writes operators' tokens, see db/stores/operator_tokens.py
DROP FUNCTION authenticate_token(bytea), open_console_session(bytea, bytea, interval), find_console_session(bytea);

-- Who is behind a token: nothing for an unknown, expired or revoked one. Notes its use, once a minute at most.
CREATE FUNCTION authenticate_token(sha256 bytea)
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

-- Opens a session with a token; no row for an unknown, expired or revoked one. Forgets sessions that are over.
CREATE FUNCTION open_console_session(session bytea, token bytea, lifetime interval)
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

-- Who is behind a session: nothing once it is over, or its token has expired or was revoked.
CREATE FUNCTION find_console_session(session bytea)
    RETURNS TABLE (token_id uuid, store_id uuid, role text, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT t.id, t.store_id, t.role, t.scopes
          FROM public.console_sessions c
          JOIN public.api_tokens t ON t.id = c.token_id
         WHERE c.session_sha256 = session AND c.expires_at > now()
           AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    END;

CREATE OR REPLACE FUNCTION add_to_totals() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    was public.sync_logs%ROWTYPE;
    ended integer := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD;
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') AND was.status IS DISTINCT FROM NEW.status THEN
        ended := 1;
    END IF;
    INSERT INTO public.sync_totals AS t (shard, entity, source, completed, failed, cancelled, attempts,
                                         inserted, updated, unchanged, stale, invalid, existing)
    VALUES (uuid_hash(NEW.store_id) & 63, NEW.entity, NEW.source,
            ended * (NEW.status = 'completed')::int, ended * (NEW.status = 'failed')::int,
            ended * (NEW.status = 'cancelled')::int, ended * NEW.attempts,
            NEW.inserted - coalesce(was.inserted, 0), NEW.updated - coalesce(was.updated, 0),
            NEW.unchanged - coalesce(was.unchanged, 0), NEW.stale - coalesce(was.stale, 0),
            NEW.invalid - coalesce(was.invalid, 0), NEW.existing - coalesce(was.existing, 0))
        ON CONFLICT (shard, entity, source) DO UPDATE SET
           completed = t.completed + EXCLUDED.completed, failed = t.failed + EXCLUDED.failed,
           cancelled = t.cancelled + EXCLUDED.cancelled, attempts = t.attempts + EXCLUDED.attempts,
           inserted = t.inserted + EXCLUDED.inserted, updated = t.updated + EXCLUDED.updated,
           unchanged = t.unchanged + EXCLUDED.unchanged, stale = t.stale + EXCLUDED.stale,
           invalid = t.invalid + EXCLUDED.invalid, existing = t.existing + EXCLUDED.existing;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION authenticate_token(bytea), open_console_session(bytea, bytea, interval), find_console_session(bytea)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_token(bytea), open_console_session(bytea, bytea, interval), find_console_session(bytea)
    TO sluice_app;

-- The functions of 0004 to 0013: their tables were bound as they were created, and stay what they are.
DO $$
DECLARE
    definer regprocedure;
BEGIN
    FOR definer IN SELECT p.oid FROM pg_proc p
                    WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND p.proowner = 'sluice_system'::regrole
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', definer);
    END LOOP;
END
$$;
RESET ROLE;

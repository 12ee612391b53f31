-- Tenants and their tokens, and the wall between tenants.
-- Roles sluice_app and sluice_system come from db/bootstrap.sql.

GRANT USAGE ON SCHEMA public TO sluice_app, sluice_system;
-- sluice_system owns functions, and a new owner needs CREATE where they stand.
GRANT CREATE ON SCHEMA public TO sluice_system;

-- The tenant of this transaction, or NULL. Empty text is what a reset custom setting reads as.
CREATE FUNCTION current_store() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.store_id', true), '')::uuid;

CREATE TABLE stores (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    platform         text NOT NULL CHECK (platform IN ('woocommerce', 'shopify', 'tiktok')),
    shop_url         text,
    credentials      bytea,             -- AES-GCM, bound to this row; the key is not in the database
    settings         jsonb NOT NULL DEFAULT '{}',
    last_sync_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);               -- last_sync_at changes with every batch: keep those updates in the page

CREATE TABLE api_tokens (
    id               uuid PRIMARY KEY,
    store_id         uuid REFERENCES stores (id) ON DELETE CASCADE,   -- NULL: an operator of the installation
    token_sha256     bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    role             text NOT NULL CHECK (role IN ('store', 'admin', 'operator')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz,
    revoked_at       timestamptz,
    last_used_at     timestamptz,
    CHECK ((role = 'operator') = (store_id IS NULL))
);
CREATE INDEX api_tokens_by_store ON api_tokens (store_id, created_at);

ALTER TABLE stores ENABLE ROW LEVEL SECURITY;
ALTER TABLE stores FORCE ROW LEVEL SECURITY;
CREATE POLICY own_row ON stores USING (id = (SELECT current_store()));
CREATE POLICY across_stores ON stores TO sluice_system USING (true);

ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON api_tokens USING (store_id = (SELECT current_store()));
CREATE POLICY across_stores ON api_tokens TO sluice_system USING (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON stores, api_tokens TO sluice_app;
GRANT SELECT, UPDATE ON stores, api_tokens TO sluice_system;
GRANT INSERT ON api_tokens TO sluice_system;

-- Who is behind a token: nothing for an unknown, expired or revoked one. Notes its use, once a minute at most.
CREATE FUNCTION authenticate_token(sha256 bytea)
    RETURNS TABLE (token_id uuid, store_id uuid, role text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    found api_tokens%ROWTYPE;
BEGIN
    SELECT * INTO found FROM api_tokens t
     WHERE t.token_sha256 = sha256 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    IF found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 minute' THEN
        UPDATE api_tokens t SET last_used_at = now() WHERE t.id = found.id;
    END IF;
    RETURN QUERY SELECT found.id, found.store_id, found.role;
END
$$;

-- An operator belongs to no store, so no tenant's transaction could write the row.
CREATE FUNCTION create_operator_token(id uuid, sha256 bytea) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        INSERT INTO api_tokens (id, token_sha256, role) VALUES (create_operator_token.id, sha256, 'operator');
    END;

-- Ids alone; their facts are read store by store, each inside its own wall.
CREATE FUNCTION list_store_ids() RETURNS TABLE (store_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.id FROM stores s ORDER BY s.created_at, s.id;
    END;

-- Before the change of owner: afterwards these privileges are no longer ours to take or give.
REVOKE ALL ON FUNCTION authenticate_token(bytea), create_operator_token(uuid, bytea), list_store_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_token(bytea), create_operator_token(uuid, bytea), list_store_ids() TO sluice_app;
ALTER FUNCTION authenticate_token(bytea) OWNER TO sluice_system;
ALTER FUNCTION create_operator_token(uuid, bytea) OWNER TO sluice_system;
ALTER FUNCTION list_store_ids() OWNER TO sluice_system;

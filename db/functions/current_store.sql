-- The store of this transaction, or NULL.
-- A custom setting that was reset reads as empty text.
CREATE OR REPLACE FUNCTION current_store() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.store_id', true), '')::uuid;

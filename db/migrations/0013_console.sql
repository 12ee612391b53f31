-- The console: who is signed in, indexes for what its pages list, and figures over all stores for operators.

-- A session of a browser. Only its SHA-256 is kept, and it lives no longer than the token it was opened with.
CREATE TABLE console_sessions (
    session_sha256   bytea PRIMARY KEY CHECK (length(session_sha256) = 32),
    token_id         uuid NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    opened_at        timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL
);
CREATE INDEX console_sessions_by_token ON console_sessions (token_id);
CREATE INDEX console_sessions_by_end ON console_sessions (expires_at);
ALTER TABLE console_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE console_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY across_stores ON console_sessions TO sluice_system USING (true);
GRANT SELECT, INSERT, DELETE ON console_sessions TO sluice_system;

-- What ended when, for plots: read from the index alone where the table has been vacuumed.
CREATE INDEX sync_logs_finished ON sync_logs (store_id, finished_at) INCLUDE (status, records_synced, records_skipped)
    WHERE finished_at IS NOT NULL;
-- The history, filtered: whatever is rare has a short list of its own, so that a batch on its usual way pays for none of them;
-- what is common is found by walking back from the newest.
CREATE INDEX sync_logs_ended_badly ON sync_logs (store_id, status, accepted_seq) INCLUDE (finished_at)
    WHERE status IN ('failed', 'cancelled', 'paused');
CREATE INDEX sync_logs_of_catalogue ON sync_logs (store_id, entity, accepted_seq) WHERE entity <> 'orders';
CREATE INDEX sync_logs_pulled ON sync_logs (store_id, source, accepted_seq) WHERE source <> 'plugin';
CREATE INDEX sync_logs_of_mode ON sync_logs (store_id, mode, accepted_seq) WHERE mode <> 'upsert';

-- What has not ended well on the way out, counted without a look at the items themselves where the table has been vacuumed.
CREATE INDEX wc_sync_items_open ON wc_sync_items (store_id, sync_type, status) INCLUDE (due_at, created_at, priority)
    WHERE status IN ('pending', 'syncing', 'failed', 'needs_approval');

-- Opens a session with a token; no row for an unknown, expired or revoked one. Forgets sessions that are over.
CREATE FUNCTION open_console_session(session bytea, token bytea, lifetime interval)
    RETURNS TABLE (token_id uuid, store_id uuid, role text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    caller record;
BEGIN
    SELECT * INTO caller FROM authenticate_token(token);
    IF caller.token_id IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM console_sessions c WHERE c.expires_at < now();
    INSERT INTO console_sessions (session_sha256, token_id, expires_at) VALUES (session, caller.token_id, now() + lifetime);
    RETURN QUERY SELECT caller.token_id, caller.store_id, caller.role;
END
$$;

-- Who is behind a session: nothing once it is over, or its token has expired or was revoked.
CREATE FUNCTION find_console_session(session bytea)
    RETURNS TABLE (token_id uuid, store_id uuid, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT t.id, t.store_id, t.role
          FROM console_sessions c
          JOIN api_tokens t ON t.id = c.token_id
         WHERE c.session_sha256 = session AND c.expires_at > now()
           AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    END;

CREATE FUNCTION close_console_session(session bytea) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        DELETE FROM console_sessions c WHERE c.session_sha256 = session;
    END;

-- What ended since then, of all stores together, in steps of time.
CREATE FUNCTION count_finished_of_all(since timestamptz, step interval)
    RETURNS TABLE (began_at timestamptz, status text, logs bigint, synced bigint, skipped bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT e.began_at, e.status, sum(e.logs)::bigint, sum(e.synced)::bigint, sum(e.skipped)::bigint
          FROM stores s,
       LATERAL (SELECT date_bin(step, l.finished_at, since) AS began_at, l.status, count(*) AS logs,
                       sum(l.records_synced) AS synced, sum(l.records_skipped) AS skipped
                  FROM sync_logs l
                 WHERE l.store_id = s.id AND l.finished_at >= since
                 GROUP BY 1, 2) e
         GROUP BY e.began_at, e.status;
    END;

-- A page of stores, oldest first, with what an operator looks for: how much is open and since when, and what failed lately.
CREATE FUNCTION list_store_activity(after_created timestamptz, after_id uuid, failed_since timestamptz, most integer)
    RETURNS TABLE (store_id uuid, created_at timestamptz, running bigint, oldest_accepted_at timestamptz, failed bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    BEGIN ATOMIC
        SELECT s.id, s.created_at, o.running, o.oldest, f.failed
          FROM (SELECT p.id, p.created_at FROM stores p
                 WHERE after_id IS NULL OR (p.created_at, p.id) > (after_created, after_id)
                 ORDER BY p.created_at, p.id
                 LIMIT most) s,
       LATERAL (SELECT count(*) AS running, min(r.accepted_at) AS oldest
                  FROM (SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NOT NULL
                         UNION ALL
                        SELECT l.accepted_at FROM sync_logs l
                         WHERE l.store_id = s.id AND l.status = 'running' AND l.enqueued_at IS NULL) r) o,
       LATERAL (SELECT count(*) AS failed
                  FROM sync_logs l
                 WHERE l.store_id = s.id AND l.status = 'failed' AND l.finished_at >= failed_since) f
         ORDER BY s.created_at, s.id;
    END;
CREATE INDEX stores_by_age ON stores (created_at, id);

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION open_console_session(bytea, bytea, interval), find_console_session(bytea), close_console_session(bytea),
    count_finished_of_all(timestamptz, interval), list_store_activity(timestamptz, uuid, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_console_session(bytea, bytea, interval), find_console_session(bytea),
    close_console_session(bytea), count_finished_of_all(timestamptz, interval),
    list_store_activity(timestamptz, uuid, timestamptz, integer) TO sluice_app;
ALTER FUNCTION open_console_session(bytea, bytea, interval) OWNER TO sluice_system;
ALTER FUNCTION find_console_session(bytea) OWNER TO sluice_system;
ALTER FUNCTION close_console_session(bytea) OWNER TO sluice_system;
ALTER FUNCTION count_finished_of_all(timestamptz, interval) OWNER TO sluice_system;
ALTER FUNCTION list_store_activity(timestamptz, uuid, timestamptz, integer) OWNER TO sluice_system;

-- Stores a batch as a log with its payload in one statement: one round trip and one commit.
-- The verdict is accepted, full (nothing stored), replayed (same key, same body) or reused (same key, another body).
-- It sets the store for row-level security itself and runs with its caller's rights. A function's SET clause would cost a fifth
-- of each call, so it has none.
CREATE OR REPLACE FUNCTION accept_log(
    of_store uuid, new_log uuid, of_entity text, of_source text, of_mode text, record_count integer, batch bytea,
    idem_key text, body_fingerprint bytea, request text, window_size integer, most_open integer
) RETURNS TABLE (verdict text, log_id uuid, enqueue_no integer)
    LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    admitted integer;
    has_room boolean;
    waiting_at_most bigint;
    setting text;
    is_empty boolean := record_count = 0;
BEGIN
    setting := set_config('app.store_id', of_store::text, true); -- PERFORM would run a query
    IF NOT is_empty THEN
        -- No LIMIT: there are at most as many as the window has room for, and a LIMIT that is a parameter would be planned with
        -- every call.
        SELECT count(*) INTO admitted
          FROM sync_logs s
         WHERE s.store_id = of_store AND s.status = 'running' AND s.enqueued_at IS NOT NULL AND s.queue = 'ingest';
        has_room := admitted < window_size;
    END IF;
    -- A replayed key is answered even if the store is full, because it adds nothing.
    IF NOT is_empty AND admitted >= least(window_size, most_open) THEN
        -- Waiting logs are counted only if that may matter, so that an accept costs the same behind ten and behind thousands:
        -- from the oldest waiting log to the newest log there are no more logs than numbers.
        SELECT 1 + newest.accepted_seq - oldest.accepted_seq INTO waiting_at_most
          FROM (SELECT s.accepted_seq FROM sync_logs s WHERE s.store_id = of_store ORDER BY s.accepted_seq DESC LIMIT 1) newest,
               (SELECT s.accepted_seq FROM sync_logs s
                 WHERE s.store_id = of_store AND s.status = 'running' AND s.enqueued_at IS NULL
                 ORDER BY s.accepted_seq LIMIT 1) oldest;
        IF most_open <= admitted + coalesce(waiting_at_most, 0) THEN -- only then count
            IF NOT EXISTS (SELECT FROM sync_logs s WHERE s.store_id = of_store AND s.idempotency_key = idem_key)
               AND most_open <= admitted + (SELECT count(*)
                                              FROM (SELECT FROM sync_logs s
                                                     WHERE s.store_id = of_store AND s.status = 'running'
                                                       AND s.enqueued_at IS NULL
                                                     LIMIT most_open) w) THEN
                RETURN QUERY SELECT 'full', NULL::uuid, 0;
                RETURN;
            END IF;
        END IF;
    END IF;
    INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at,
                           started_at, finished_at, enqueues, enqueued_at, idempotency_key, fingerprint, request_id)
    VALUES (of_store, new_log, of_entity, of_source, of_mode,
            CASE WHEN is_empty THEN 'completed' ELSE 'running' END, CASE WHEN is_empty THEN NULL ELSE 'queued' END,
            record_count, now(), CASE WHEN is_empty THEN now() END, CASE WHEN is_empty THEN now() END,
            coalesce(has_room, false)::int, CASE WHEN has_room THEN clock_timestamp() END,
            idem_key, body_fingerprint, request)
        ON CONFLICT (store_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT CASE WHEN s.fingerprint = body_fingerprint THEN 'replayed' ELSE 'reused' END, s.id, 0
                       FROM sync_logs s
                      WHERE s.store_id = of_store AND s.idempotency_key = idem_key;
        RETURN;
    END IF;
    IF NOT is_empty THEN
        INSERT INTO sync_payloads (store_id, log_id, body) VALUES (of_store, new_log, batch);
    END IF;
    verdict := 'accepted';
    log_id := new_log;
    enqueue_no := coalesce(has_room, false)::int;
    RETURN NEXT; -- RETURN QUERY would run one
END
$$;
REVOKE ALL ON FUNCTION accept_log(uuid, uuid, text, text, text, integer, bytea, text, bytea, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_log(uuid, uuid, text, text, text, integer, bytea, text, bytea, text, integer, integer) TO sluice_app;

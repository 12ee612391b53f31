-- The audit trail: who changed what, from where, when and with what result. The application can only append to it.

-- No foreign key to stores: a cascade would let whoever may delete a store delete what was done to it. Rows hold ids, addresses and
-- names of actions, nothing of a shop's data.
CREATE TABLE audit_events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store_id     uuid,                  -- NULL: about no store, as a failed sign-in or an operator's token
    happened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind   text NOT NULL CHECK (actor_kind IN ('token', 'session', 'command', 'schedule', 'unknown')),
    actor        text CHECK (length(actor) <= 64),      -- a token's id, a user of the operating system, a schedule's entity
    address      text CHECK (length(address) <= 64),
    action       text NOT NULL CHECK (length(action) <= 64),
    result       text NOT NULL CHECK (result IN ('ok', 'refused', 'failed')),
    code         text CHECK (length(code) <= 64),
    request_id   text CHECK (length(request_id) <= 64),
    details      jsonb NOT NULL DEFAULT '{}' CHECK (pg_column_size(details) <= 4096)
);
CREATE INDEX audit_events_of_store ON audit_events (store_id, happened_at, id);
CREATE INDEX audit_events_by_time ON audit_events (happened_at, id);

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY read_own ON audit_events FOR SELECT USING (store_id = (SELECT current_store()));
CREATE POLICY append_own ON audit_events FOR INSERT WITH CHECK (store_id IS NULL OR store_id = (SELECT current_store()));
CREATE POLICY across_stores ON audit_events TO sluice_system USING (true);

-- Not the id and not the time: an event can't be dated back.
REVOKE ALL ON audit_events FROM PUBLIC, sluice_app;
GRANT SELECT ON audit_events TO sluice_app;
GRANT INSERT (store_id, actor_kind, actor, address, action, result, code, request_id, details) ON audit_events TO sluice_app;
GRANT SELECT, DELETE ON audit_events TO sluice_system;

-- For operators: the events of all stores and of none, newest first, behind a position.
CREATE FUNCTION list_audit_events_of_all(
        only_action text, only_actor text, since timestamptz, until timestamptz, before_at timestamptz, before_id bigint, most integer)
    RETURNS SETOF audit_events
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT e.*
          FROM public.audit_events e
         WHERE (only_action IS NULL OR e.action = only_action)
           AND (only_actor IS NULL OR e.actor = only_actor OR e.actor_kind = only_actor)
           AND e.happened_at >= since AND e.happened_at < until
           AND (e.happened_at, e.id) < (before_at, before_id)
         ORDER BY e.happened_at DESC, e.id DESC
         LIMIT most;
    END;

-- Never anything younger than 30 days, whatever is asked: retention must not be a way to delete the trail.
CREATE FUNCTION dispatch_prune_audit(older_than interval, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        WITH old AS MATERIALIZED (
            SELECT e.id
              FROM public.audit_events e
             WHERE e.happened_at < now() - greatest(older_than, interval '30 days')
             ORDER BY e.happened_at, e.id
             LIMIT most
        ), gone AS (
            DELETE FROM public.audit_events e
             USING old
             WHERE e.id = old.id
            RETURNING 1
        )
        SELECT count(*) FROM gone;
    END;

-- Before the change of owner, as in 0001.
REVOKE ALL ON FUNCTION list_audit_events_of_all(text, text, timestamptz, timestamptz, timestamptz, bigint, integer),
    dispatch_prune_audit(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_audit_events_of_all(text, text, timestamptz, timestamptz, timestamptz, bigint, integer),
    dispatch_prune_audit(interval, integer) TO sluice_app;
ALTER FUNCTION list_audit_events_of_all(text, text, timestamptz, timestamptz, timestamptz, bigint, integer) OWNER TO sluice_system;
ALTER FUNCTION dispatch_prune_audit(interval, integer) OWNER TO sluice_system;

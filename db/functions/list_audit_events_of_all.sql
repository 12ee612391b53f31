-- Audit events of all stores and of none, newest first, after a position. For operators.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_audit_events_of_all(
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
REVOKE ALL ON FUNCTION list_audit_events_of_all(text, text, timestamptz, timestamptz, timestamptz, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_audit_events_of_all(text, text, timestamptz, timestamptz, timestamptz, bigint, integer) TO sluice_app;

-- Schedules that are due, longest overdue first.
-- Each is then run with its own store set.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION list_due_schedules(most integer) RETURNS TABLE (store_id uuid, entity text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        SELECT s.store_id, s.entity FROM schedules s WHERE s.next_run_at <= clock_timestamp() ORDER BY s.next_run_at LIMIT most;
    END;
REVOKE ALL ON FUNCTION list_due_schedules(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_due_schedules(integer) TO sluice_app;

-- Ends a session; does nothing if it is unknown.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION close_console_session(session bytea) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    BEGIN ATOMIC
        DELETE FROM console_sessions c WHERE c.session_sha256 = session;
    END;
REVOKE ALL ON FUNCTION close_console_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_console_session(bytea) TO sluice_app;

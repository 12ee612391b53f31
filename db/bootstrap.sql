-- The four roles. Run once per database server by a superuser, with the passwords in the settings
-- sluice.owner_password and sluice.app_password, and sluice.backup_password where backups are taken with BACKUP_DATABASE_URL.
-- Running it again changes nothing but the passwords.
--
--   sluice_owner   owns the tables and runs the migrations; without a store set it sees no row either (FORCE)
--   sluice_app     what API, workers and dispatcher connect as; owns nothing
--   sluice_system  nobody logs in as it; owns the few functions that must look across stores
--   sluice_backup  reads every row of every store, for `python -m app backup`; can't log in without a password, writes nothing
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_owner') THEN
        CREATE ROLE sluice_owner LOGIN NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_app') THEN
        CREATE ROLE sluice_app LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_system') THEN
        CREATE ROLE sluice_system NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_backup') THEN
        CREATE ROLE sluice_backup NOLOGIN BYPASSRLS;
    END IF;
    IF coalesce(current_setting('sluice.backup_password', true), '') <> '' THEN
        EXECUTE format('ALTER ROLE sluice_backup LOGIN PASSWORD %L', current_setting('sluice.backup_password'));
    END IF;
    EXECUTE format('ALTER ROLE sluice_owner PASSWORD %L', current_setting('sluice.owner_password'));
    EXECUTE format('ALTER ROLE sluice_app PASSWORD %L', current_setting('sluice.app_password'));
END
$$;

GRANT sluice_system TO sluice_owner;
GRANT pg_read_all_data TO sluice_backup;
ALTER ROLE sluice_backup SET default_transaction_read_only = on;

-- A worker that freezes in mid-batch loses its row lock after 15 s, a host that vanishes after about a minute;
-- PostgreSQL's own defaults are never and two hours.
ALTER ROLE sluice_app SET statement_timeout = '60s';
ALTER ROLE sluice_app SET lock_timeout = '10s';
ALTER ROLE sluice_app SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE sluice_app SET tcp_keepalives_idle = 30;
ALTER ROLE sluice_app SET tcp_keepalives_interval = 10;
ALTER ROLE sluice_app SET tcp_keepalives_count = 3;

-- name: set_passwords
-- For this session only: bootstrap.sql reads both settings, and they end with the connection.
SELECT set_config('sluice.owner_password', %(owner_password)s, false),
       set_config('sluice.app_password', %(app_password)s, false)

-- name: database_exists
-- One row, true or false.
SELECT EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)

-- name: ping
-- Reads no table.
SELECT 1

-- name: own_schema
-- PostgreSQL 15 to 17 do not let a role that inherits nothing create in the schema of a database it owns.
ALTER SCHEMA public OWNER TO sluice_owner

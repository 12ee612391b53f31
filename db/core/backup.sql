-- name: may_see_all_rows
-- True for a superuser and for a role with BYPASSRLS; others would see no row or only some.
SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user

-- name: is_superuser
-- Whether this role may give tables to other roles.
SELECT rolsuper FROM pg_roles WHERE rolname = current_user

-- name: lift_timeouts
-- For this transaction: it stays idle while pg_dump reads.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)

-- name: export_snapshot
-- Others import the snapshot while this transaction lasts.
SELECT pg_export_snapshot()

-- name: list_tables
-- Every permanent table outside of the system's schemas; the third column is its name as pg_dump writes it.
SELECT n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2

-- name: count_rows
-- Exact, within the transaction's snapshot.
SELECT count(*) FROM {table}

-- name: list_database_grants
-- Privileges on this database, defaults included; an empty name is PUBLIC. pg_dump leaves them out.
SELECT coalesce(r.rolname, ''), a.privilege_type
  FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
  LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE d.datname = current_database() AND a.grantee <> d.datdba
 ORDER BY 1, 2

-- name: revoke_database
-- All privileges of a role on the database.
REVOKE ALL ON DATABASE {database} FROM {role}

-- name: grant_database
-- One privilege.
GRANT {privilege} ON DATABASE {database} TO {role}

-- name: list_roles
-- Those that exist on this server.
SELECT rolname FROM pg_roles WHERE rolname = ANY (%(names)s)

-- name: count_sessions
-- Sessions of others on a database.
SELECT count(*) FROM pg_stat_activity WHERE datname = %(name)s AND pid <> pg_backend_pid()

-- name: allow_connections
-- Affects new sessions only.
ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}

-- name: end_sessions
-- Ends all other sessions on a database; what they had not committed is rolled back.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %(name)s AND pid <> pg_backend_pid()

-- name: rename_database
-- Waits five seconds for sessions to end, then fails.
ALTER DATABASE {database} RENAME TO {name}

-- name: drop_database
-- With all that is in it.
DROP DATABASE IF EXISTS {database}

-- name: analyze
-- Statistics for the planner; a restored database has none.
ANALYZE

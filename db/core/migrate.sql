-- name: create_schema_migrations
-- The application may read it, to refuse a database that is behind.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO PUBLIC

-- name: create_schema_functions
-- Holds the checksum of each function's file as it was applied last.
CREATE TABLE IF NOT EXISTS schema_functions (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_functions TO PUBLIC

-- name: table_exists
-- False instead of an error.
SELECT to_regclass('public.' || %(name)s) IS NOT NULL

-- name: list_schema_migrations
-- Every applied file with its checksum.
SELECT name, checksum FROM schema_migrations

-- name: list_schema_functions
-- Every applied file with its checksum. A function that a migration dropped is left out, so that it is created again.
SELECT f.name, f.checksum
  FROM schema_functions f
 WHERE EXISTS (SELECT FROM pg_proc p WHERE p.proname = f.name AND p.pronamespace = 'public'::regnamespace)

-- name: insert_schema_migration
-- Runs in the transaction of the file's own statements.
INSERT INTO schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s)

-- name: delete_schema_migrations
-- Forgets the files that the baseline replaces.
DELETE FROM schema_migrations WHERE name = ANY (%(names)s)

-- name: upsert_schema_function
-- Runs in the transaction of the file's own statements.
INSERT INTO schema_functions (name, checksum) VALUES (%(name)s, %(checksum)s)
    ON CONFLICT (name) DO UPDATE SET checksum = EXCLUDED.checksum, applied_at = now()

-- name: delete_schema_function
-- Runs in the transaction that dropped the function.
DELETE FROM schema_functions WHERE name = %(name)s

-- name: list_signatures
-- Each function of that name, as DROP FUNCTION takes it, with its owner.
SELECT p.oid::regprocedure::text, p.proowner::regrole::text
  FROM pg_proc p
 WHERE p.proname = %(name)s AND p.pronamespace = 'public'::regnamespace

-- name: reset_role
-- A function's file may have taken its owner's role.
RESET ROLE

-- name: defer_body_checks
-- For this transaction: a migration's functions may come before the tables that they read.
SET LOCAL check_function_bodies = off

-- name: try_migration_lock
-- True for one session at a time; freed when the session ends, however it ends.
SELECT pg_try_advisory_lock(hashtextextended('sluice.migrate', 0))

-- name: newest_migration
-- No row before the first.
SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1

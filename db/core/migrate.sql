-- name: create_schema_migrations
-- Holds what was applied; the application may read it, to refuse a database that is behind.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO PUBLIC

-- name: exists_schema_migrations
-- False in an empty database, instead of an error.
SELECT to_regclass('public.schema_migrations') IS NOT NULL

-- name: list_schema_migrations
-- Every applied file with its checksum.
SELECT name, checksum FROM schema_migrations

-- name: insert_schema_migration
-- Stands in the same transaction as the file's own statements.
INSERT INTO schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s)

-- name: try_migration_lock
-- True for one session at a time; freed when the session ends, however it ends.
SELECT pg_try_advisory_lock(hashtextextended('sluice.migrate', 0))

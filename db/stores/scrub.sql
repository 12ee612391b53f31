-- name: has_older_transactions
-- Whether a transaction may still see rows that were deleted before this moment.
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND datname = current_database() AND xact_start < %(before)s)

-- name: analyze_all
-- Statistics hold sample values: this takes new ones from the current rows.
ANALYZE

-- name: vacuum_full
-- Rewrites every table and index, catalogues included. Locks each while it is written.
VACUUM FULL

-- name: keep_no_wal
-- Finished segments of the write-ahead log are deleted instead of recycled.
ALTER SYSTEM SET wal_recycle = off

-- name: keep_wal
-- Restores the server's own settings.
ALTER SYSTEM RESET wal_recycle

-- name: reload_settings
-- Applies the changed settings.
SELECT pg_reload_conf()

-- name: count_wal_ahead
-- Recycled segments that wait for their turn and still hold old content.
SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_insert_lsn())

-- name: switch_wal
-- Starts a new segment, which holds nothing old.
SELECT pg_switch_wal()

-- name: checkpoint
-- Writes everything to the tables' files, so that older segments are no longer needed.
CHECKPOINT

-- name: has_older_transactions
-- Whether anybody may still see what was deleted before this moment.
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND datname = current_database() AND xact_start < %(before)s)

-- name: analyze_all
-- Statistics hold samples of values: they are taken anew, from what is there now.
ANALYZE

-- name: vacuum_full
-- Writes every table and index anew, catalogues included; each is locked while it is written.
VACUUM FULL

-- name: keep_no_wal
-- Segments of the write-ahead log that are done with are deleted, not kept for use as they are.
ALTER SYSTEM SET wal_recycle = off

-- name: keep_wal
-- As the server was set up.
ALTER SYSTEM RESET wal_recycle

-- name: reload_settings
-- Puts the two before in force.
SELECT pg_reload_conf()

-- name: switch_wal
-- Nothing of before is in the segment that is written next.
SELECT pg_switch_wal()

-- name: checkpoint
-- Everything is in the tables' files; what the write-ahead log held before is no longer needed.
CHECKPOINT

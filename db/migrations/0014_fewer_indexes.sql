-- Indexes that no query needs, dropped: each would be kept up to date with every log. A filtered history reads
-- `sync_logs_ended_by_kind`; what failed lately, counted store by store, has this one.
DROP INDEX sync_logs_of_catalogue;
DROP INDEX sync_logs_pulled;
DROP INDEX sync_logs_of_mode;
DROP INDEX sync_logs_ended_badly;
CREATE INDEX sync_logs_failed ON sync_logs (store_id, finished_at) WHERE status = 'failed';

-- A number for each attempt at a batch that a retry does not reset, so that an attempt from before a retry is never taken for one
-- of after it. `attempts` counts those since the last retry.
ALTER TABLE sync_logs ADD COLUMN attempt_no integer NOT NULL DEFAULT 0;

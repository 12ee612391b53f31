-- Bounds on what one store may take: problems of records that are counted and not listed, and bytes of storage.

ALTER TABLE sync_logs ADD COLUMN unlisted_errors integer NOT NULL DEFAULT 0; -- problems beyond the listed ones

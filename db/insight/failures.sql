-- name: count_failures_of_all
-- By error code, over all stores: counts only.
SELECT error_code, logs, of_stores, newest FROM count_failures_of_all()

-- name: list_failures_of_all
-- Ids only, newest first.
SELECT store_id, log_id FROM list_failures_of_all(%(code)s, %(most)s)

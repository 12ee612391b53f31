-- name: get_next_seq
-- An accepted_seq greater than every one that was given.
SELECT nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq'))

-- name: stash_page
-- Stores a fetched page and moves the cursor, only if the worker still has the run and no page was stored meanwhile.
-- Returns the accepted_seq of the next page, which is fetched from now on.
WITH log AS (
    UPDATE sync_logs l
       SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = 0, phase = 'processing',
           error_code = NULL, error_message = NULL
      FROM pull_runs r
     WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running'
       AND r.store_id = l.store_id AND r.log_id = l.id AND r.epoch = %(epoch)s AND r.pages = %(pages)s AND r.page IS NULL
    RETURNING l.id
)
UPDATE pull_runs r
   SET page = %(page)b, window_no = %(window_no)s, cursor = %(cursor)s, is_fetched = %(is_fetched)s, pages = r.pages + 1,
       fetched = r.fetched + %(records)s, total = coalesce(%(total)s, r.total),
       watermark = coalesce(r.watermark, %(watermark)s), rest = %(rest)s, rest_page = %(rest_page)b,
       work_seconds = r.work_seconds + %(seconds)s
  FROM log
 WHERE r.store_id = %(store_id)s AND r.log_id = log.id
RETURNING nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq')) AS next_seq

-- name: claim_page
-- Locks the run until the transaction ends. No row if it was paused, ended or taken over, or no page waits.
SELECT l.id
  FROM sync_logs l
  JOIN pull_runs r ON r.store_id = l.store_id AND r.log_id = l.id
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running' AND r.epoch = %(epoch)s AND r.page IS NOT NULL
   FOR UPDATE

-- name: count_page
-- Part of the transaction that wrote the page's rows, so that counts and rows agree.
UPDATE sync_logs
   SET received = received + %(received)s, inserted = inserted + %(inserted)s, updated = updated + %(updated)s,
       unchanged = unchanged + %(unchanged)s, stale = stale + %(stale)s, invalid = invalid + %(invalid)s,
       existing = existing + %(existing)s, attempts = 0,
       next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: clear_page
-- Removes the applied page; keeps the ids and times that it contained.
UPDATE pull_runs
   SET page = NULL, read_to = greatest(read_to, %(newest)s), in_order = in_order AND %(in_order)s,
       lowest_id = least(lowest_id, %(lowest_id)s), highest_id = greatest(highest_id, %(highest_id)s),
       late_by = greatest(late_by, %(late_by)s)
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: insert_pull_page
-- Links rows to their run by the accepted_seq of their page.
INSERT INTO pull_pages (store_id, log_id, page_no, accepted_seq, records)
VALUES (%(store_id)s, %(log_id)s, %(page_no)s, %(accepted_seq)s, %(records)s)

-- name: discard_page
-- Its run was cancelled, so nobody will apply it.
UPDATE pull_runs SET page = NULL, rest_page = NULL WHERE store_id = %(store_id)s AND log_id = %(log_id)s

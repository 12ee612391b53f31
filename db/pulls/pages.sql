-- name: get_next_seq
-- A place in the order of acceptance, behind everything that has one.
SELECT nextval(pg_get_serial_sequence('sync_logs', 'accepted_seq'))

-- name: stash_page
-- Keeps a fetched page and moves the cursor behind it, only if nobody else works on the run and no page was kept meanwhile.
-- The answer is the place of the next page in the order of acceptance, which is fetched from now on.
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
-- Locks the run for the rest of the transaction. No row where it was paused, ended, or taken over, or nothing waits in it.
SELECT l.id
  FROM sync_logs l
  JOIN pull_runs r ON r.store_id = l.store_id AND r.log_id = l.id
 WHERE l.store_id = %(store_id)s AND l.id = %(log_id)s AND l.status = 'running' AND r.epoch = %(epoch)s AND r.page IS NOT NULL
   FOR UPDATE

-- name: count_page
-- Part of the transaction that wrote the page's rows: the log's counts move with them.
UPDATE sync_logs
   SET received = received + %(received)s, inserted = inserted + %(inserted)s, updated = updated + %(updated)s,
       unchanged = unchanged + %(unchanged)s, stale = stale + %(stale)s, invalid = invalid + %(invalid)s,
       existing = existing + %(existing)s, attempts = 0,
       next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE store_id = %(store_id)s AND id = %(log_id)s

-- name: clear_page
-- The page is applied; what it showed of ids and times is kept.
UPDATE pull_runs
   SET page = NULL, read_to = greatest(read_to, %(newest)s), in_order = in_order AND %(in_order)s,
       lowest_id = least(lowest_id, %(lowest_id)s), highest_id = greatest(highest_id, %(highest_id)s),
       late_by = greatest(late_by, %(late_by)s)
 WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: insert_pull_page
-- Which run wrote a row is found by the place of its page.
INSERT INTO pull_pages (store_id, log_id, page_no, accepted_seq, records)
VALUES (%(store_id)s, %(log_id)s, %(page_no)s, %(accepted_seq)s, %(records)s)

-- name: discard_page
-- Nobody will apply it: its run was cancelled.
UPDATE pull_runs SET page = NULL, rest_page = NULL WHERE store_id = %(store_id)s AND log_id = %(log_id)s

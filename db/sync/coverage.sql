-- name: insert_coverage
-- Part of the transaction that completes a run.
INSERT INTO sync_coverage (store_id, entity, covered_from, covered_until, mode, log_id, is_complete)
VALUES (%(store_id)s, %(entity)s, %(covered_from)s, %(covered_until)s, %(mode)s, %(log_id)s, %(is_complete)s)

-- name: list_coverage
-- Newest first.
SELECT covered_from, covered_until, mode, log_id, is_complete, recorded_at
  FROM sync_coverage
 WHERE store_id = %(store_id)s AND entity = %(entity)s
 ORDER BY id DESC
 LIMIT %(most)s

-- name: list_covered
-- The windows merged: disjoint, oldest first; NULL for an open start.
SELECT lower(part), upper(part)
  FROM (SELECT unnest(range_agg(tstzrange(covered_from, covered_until))) AS part
          FROM sync_coverage
         WHERE store_id = %(store_id)s AND entity = %(entity)s AND is_complete
           AND (covered_from IS NULL OR covered_from < covered_until)) merged
 ORDER BY part

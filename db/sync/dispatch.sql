-- name: list_stranded
-- Two dispatchers never get the same log (skip locked).
SELECT store_id, log_id, enqueue_no, entity, received, queue
  FROM dispatch_stranded(%(waiting)s::uuid[], %(most_attempts)s, %(most)s)

-- name: admit_waiting
-- No store gets more than its window.
SELECT store_id, log_id, enqueue_no, entity, received FROM dispatch_admit(%(window)s)

-- name: give_up
-- Only logs that are out of attempts, due and not locked.
SELECT store_id, log_id FROM dispatch_give_up(%(most_attempts)s, %(error_code)s, %(error_message)s)

-- name: prune_logs
-- Never a running log; a failed one goes with its payload.
SELECT dispatch_prune_logs(make_interval(days => %(days)s), %(most)s)

-- name: merge_coverage
-- What is covered stays the same.
SELECT dispatch_merge_coverage(make_interval(days => %(days)s), %(most)s)

-- name: mend_times
-- Changes only times in the future, which exist only after the clock was set back.
SELECT dispatch_reset_future_times()

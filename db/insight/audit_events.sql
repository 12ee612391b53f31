-- name: insert_event
-- Row-level security refuses an event of another store. The database sets id and time.
INSERT INTO audit_events (store_id, actor_kind, actor, address, action, result, code, request_id, details)
VALUES (%(store_id)s, %(actor_kind)s, %(actor)s, %(address)s, %(action)s, %(result)s, %(code)s, %(request_id)s, %(details)s)

-- name: list_events
-- One store's events, newest first, from its own index.
SELECT id, store_id, happened_at, actor_kind, actor, address, action, result, code, request_id, details
  FROM audit_events
 WHERE store_id = %(store_id)s
   AND (%(action)s::text IS NULL OR action = %(action)s)
   AND (%(actor)s::text IS NULL OR actor = %(actor)s OR actor_kind = %(actor)s)
   AND happened_at >= coalesce(%(since)s::timestamptz, '-infinity') AND happened_at < coalesce(%(until)s::timestamptz, 'infinity')
   AND (happened_at, id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), coalesce(%(before_id)s::bigint, 0))
 ORDER BY happened_at DESC, id DESC
 LIMIT %(most)s

-- name: list_events_of_all
-- Like list_events, over all stores and none; for operators only.
SELECT id, store_id, happened_at, actor_kind, actor, address, action, result, code, request_id, details
  FROM list_audit_events_of_all(%(action)s, %(actor)s, coalesce(%(since)s::timestamptz, '-infinity'),
                                coalesce(%(until)s::timestamptz, 'infinity'), coalesce(%(before_at)s::timestamptz, 'infinity'),
                                coalesce(%(before_id)s::bigint, 0), %(most)s)

-- name: prune_events
-- The oldest first, none younger than 30 days.
SELECT dispatch_prune_audit(make_interval(days => %(days)s), %(most)s)

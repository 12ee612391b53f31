-- name: lock_items
-- Serialises requests, claims and returns of a store's items, so that they can't deadlock; released with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('sync items ' || %(store_id)s::text, 0))

-- name: request_product_items
-- Joins the waiting item of the same product and type. The joined item loses its approval and is checked by the brakes again,
-- because a person approved other values. A statement or request takes the place of a repair of drift, which may be narrower.
-- In key order, so that two writers can't deadlock.
INSERT INTO wc_sync_items AS waiting (store_id, id, product_id, sync_type, priority, status, payload, force, batch_id, due_at)
SELECT %(store_id)s, n.id, n.product_id, n.sync_type, n.priority, 'pending', %(payload)s, %(force)s, %(batch_id)s,
       now() + make_interval(secs => n.sla_seconds)
  FROM unnest(%(ids)s::uuid[], %(product_ids)s::uuid[], %(sync_types)s::text[], %(priorities)s::smallint[],
              %(sla_seconds)s::float8[]) n (id, product_id, sync_type, priority, sla_seconds)
 ORDER BY n.product_id, n.sync_type
    ON CONFLICT (store_id, product_id, sync_type) WHERE status = 'pending' AND product_id IS NOT NULL DO UPDATE SET
       requests = waiting.requests + 1, force = waiting.force OR EXCLUDED.force, checked_by_brakes = false, approved = false,
       payload = CASE WHEN waiting.payload ->> 'source' = 'drift' THEN EXCLUDED.payload ELSE waiting.payload END,
       batch_id = coalesce(waiting.batch_id, EXCLUDED.batch_id), updated_at = clock_timestamp()
RETURNING id

-- name: request_category_items
-- Like request_product_items; a category has items of one type only.
INSERT INTO wc_sync_items AS waiting (store_id, id, category_id, sync_type, priority, status, payload, force, batch_id, due_at)
SELECT %(store_id)s, n.id, n.category_id, 'category', %(priority)s, 'pending', %(payload)s, %(force)s, %(batch_id)s,
       now() + make_interval(secs => %(sla_seconds)s)
  FROM unnest(%(ids)s::uuid[], %(category_ids)s::uuid[]) n (id, category_id)
 ORDER BY n.category_id
    ON CONFLICT (store_id, category_id) WHERE status = 'pending' AND category_id IS NOT NULL DO UPDATE SET
       requests = waiting.requests + 1, force = waiting.force OR EXCLUDED.force, checked_by_brakes = false, approved = false,
       batch_id = coalesce(waiting.batch_id, EXCLUDED.batch_id), updated_at = clock_timestamp()
RETURNING id

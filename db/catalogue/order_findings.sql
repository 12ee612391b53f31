-- name: list_findings
-- Orders that do not add up, the highest number first, before the cursor.
SELECT o.external_id, o.number, o.currency, f.position, f.kind, f.stated, f.computed, f.difference, f.found_at
  FROM order_findings f
  JOIN orders o ON o.store_id = f.store_id AND o.id = f.order_id
 WHERE f.store_id = %(store_id)s AND (o.external_id, f.position) < (%(before_id)s, %(before_position)s)
 ORDER BY o.external_id DESC, f.position DESC
 LIMIT %(most)s

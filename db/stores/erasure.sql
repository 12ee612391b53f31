-- name: lock_kept_batches
-- Batches of these entities that may still be applied, oldest first. Waits for workers that are applying one.
SELECT l.accepted_seq, l.id, l.entity, p.body
  FROM sync_logs l
  JOIN sync_payloads p ON p.store_id = l.store_id AND p.log_id = l.id
 WHERE l.store_id = %(store_id)s AND l.entity = ANY (%(entities)s::text[]) AND l.status IN ('running', 'failed')
   AND l.accepted_seq > %(after)s
 ORDER BY l.accepted_seq
 LIMIT %(most)s
   FOR UPDATE OF l

-- name: replace_batch
-- The same batch without the customer.
UPDATE sync_payloads SET body = %(body)b WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: take_over_pulls
-- Takes these runs from their workers, which read their page from the database again.
UPDATE pull_runs r
   SET epoch = r.epoch + 1
  FROM (SELECT l.id
          FROM sync_logs l
         WHERE l.store_id = %(store_id)s AND l.entity IN ('orders', 'customers', 'refunds') AND l.queue = 'pull'
           AND l.status IN ('running', 'paused')
         ORDER BY l.id
           FOR UPDATE) open
 WHERE r.store_id = %(store_id)s AND r.log_id = open.id

-- name: lock_kept_pages
-- Waiting pages of runs that are open or failed, or that left pages for the next run.
SELECT r.log_id, l.entity, r.page, r.rest_page
  FROM pull_runs r
  JOIN sync_logs l ON l.store_id = r.store_id AND l.id = r.log_id
 WHERE r.store_id = %(store_id)s AND l.entity IN ('orders', 'customers', 'refunds')
   AND (r.page IS NOT NULL OR r.rest_page IS NOT NULL)
 ORDER BY r.log_id
   FOR UPDATE OF r

-- name: replace_pages
-- The same pages without the customer.
UPDATE pull_runs SET page = %(page)b, rest_page = %(rest_page)b WHERE store_id = %(store_id)s AND log_id = %(log_id)s

-- name: lock_kept_rests
-- What the last run of an entity left for the next one.
SELECT sync_type, rest_page
  FROM sync_metadata
 WHERE store_id = %(store_id)s AND sync_type IN ('orders', 'customers', 'refunds') AND rest_page IS NOT NULL
 ORDER BY sync_type
   FOR UPDATE

-- name: replace_rest
-- The same page without the customer.
UPDATE sync_metadata SET rest_page = %(rest_page)b WHERE store_id = %(store_id)s AND sync_type = %(entity)s

-- name: forget_refund_reasons
-- What was written to the customer's refunds, which may name them. Before the orders lose their customer.
UPDATE order_refunds r
   SET reason = NULL
  FROM orders o
 WHERE r.store_id = %(store_id)s AND r.reason IS NOT NULL AND o.store_id = r.store_id AND o.id = r.order_id
   AND (o.customer_id = (SELECT c.id FROM customers c WHERE c.store_id = %(store_id)s AND c.external_id = %(external_id)s)
        OR (o.customer_id IS NULL AND o.customer_external_id = %(external_id)s))

-- name: list_orders_of
-- The platform's ids of the customer's orders.
SELECT external_id
  FROM orders
 WHERE store_id = %(store_id)s
   AND (customer_id = (SELECT c.id FROM customers c WHERE c.store_id = %(store_id)s AND c.external_id = %(external_id)s)
        OR (customer_id IS NULL AND customer_external_id = %(external_id)s))

-- name: forget_separate_reasons
-- The same for refunds that came apart from these orders, also of an order that has not come yet.
UPDATE refunds SET reason = NULL
 WHERE store_id = %(store_id)s AND reason IS NOT NULL AND order_external_id = ANY (%(orders)s::bigint[])

-- name: forget_customer_of_orders
-- Orders stay without a customer. Their content_hash stays, so that the same order sent again changes nothing.
UPDATE orders
   SET customer_external_id = NULL, customer_id = NULL, cancel_reason = NULL
 WHERE store_id = %(store_id)s
   AND (customer_id = (SELECT c.id FROM customers c WHERE c.store_id = %(store_id)s AND c.external_id = %(external_id)s)
        OR (customer_id IS NULL AND customer_external_id = %(external_id)s))

-- name: delete_customer
-- Deletes the row and lowers the record count.
WITH gone AS (
    DELETE FROM customers WHERE store_id = %(store_id)s AND external_id = %(external_id)s
    RETURNING 1
)
UPDATE entity_stats
   SET record_count = record_count - (SELECT count(*) FROM gone)
 WHERE store_id = %(store_id)s AND entity = 'customers' AND EXISTS (SELECT FROM gone)

-- name: delete_customer_errors
-- Deletes errors of this customer's records.
DELETE FROM sync_record_errors e
 USING sync_logs l
 WHERE e.store_id = %(store_id)s AND e.external_id = %(external_id)s::text
   AND l.store_id = e.store_id AND l.id = e.log_id AND l.entity = 'customers'

-- name: delete_customer_arrivals
-- Deletes the late arrival of this customer.
DELETE FROM stale_arrivals WHERE store_id = %(store_id)s AND entity = 'customers' AND external_id = %(external_id)s

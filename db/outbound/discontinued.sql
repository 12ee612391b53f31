-- name: mark_discontinued
-- The known ones of these products. A product that is discontinued already keeps its moment. Other hashes make it a new statement of
-- the ERP, which a person may reject as any other.
UPDATE erp_products
   SET discontinued_at = coalesce(discontinued_at, clock_timestamp()),
       group_hashes = CASE WHEN discontinued_at IS NULL
                           THEN group_hashes || jsonb_build_object('product', 'discontinued ' || clock_timestamp(),
                                                                   'stock', 'discontinued ' || clock_timestamp())
                           ELSE group_hashes END,
       updated_at = clock_timestamp()
 WHERE store_id = %(store_id)s AND product_id = ANY (%(product_ids)s::uuid[])
RETURNING product_id

-- name: save_taken_off
-- What was saved earlier wins: it is what the shop had before our first write.
UPDATE wc_product_sync_mappings m
   SET taken_off = n.before || coalesce(m.taken_off, '{}'), updated_at = clock_timestamp()
  FROM unnest(%(product_ids)s::uuid[], %(befores)s::jsonb[]) n (product_id, before)
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = n.product_id

-- name: forget_taken_off
-- These products are back in the shop. One that still differs in such a field, or was discontinued again meanwhile, is not.
UPDATE wc_product_sync_mappings m
   SET taken_off = NULL, updated_at = clock_timestamp()
 WHERE m.store_id = %(store_id)s AND m.internal_product_id = ANY (%(product_ids)s::uuid[]) AND m.taken_off IS NOT NULL
   AND NOT m.differences ?| ARRAY(SELECT jsonb_object_keys(m.taken_off))
   AND EXISTS (SELECT FROM erp_products e
                WHERE e.store_id = m.store_id AND e.product_id = m.internal_product_id AND e.discontinued_at IS NULL)

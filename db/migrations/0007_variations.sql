-- Variations: the shop's variable product that a mapped variation belongs to.
ALTER TABLE wc_product_sync_mappings ADD COLUMN wc_parent_id bigint;  -- NULL: the mapping is of a product
CREATE INDEX wc_product_sync_mappings_parent ON wc_product_sync_mappings (store_id, wc_parent_id) WHERE wc_parent_id IS NOT NULL;

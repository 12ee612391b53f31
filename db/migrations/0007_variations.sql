-- Variations: what the ERP says of them, and the shop's variable product that a mapped variation belongs to.
ALTER TABLE wc_product_sync_mappings ADD COLUMN wc_parent_id bigint;  -- NULL: the mapping is of a product
ALTER TABLE erp_products ADD COLUMN parent_id uuid;                    -- of erp_products, which may arrive later
ALTER TABLE erp_products ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';  -- of a variation: its option by attribute
CREATE INDEX erp_products_by_parent ON erp_products (store_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX wc_product_sync_mappings_parent ON wc_product_sync_mappings (store_id, wc_parent_id) WHERE wc_parent_id IS NOT NULL;

-- Products that the ERP has discontinued, and what the shop had of each before it was taken off sale, so that it can come back.
ALTER TABLE erp_products ADD COLUMN discontinued_at timestamptz;    -- NULL: the ERP has the product
ALTER TABLE wc_product_sync_mappings ADD COLUMN taken_off jsonb;     -- by field; NULL: we have not taken it off sale
CREATE INDEX erp_products_discontinued ON erp_products (store_id, discontinued_at) WHERE discontinued_at IS NOT NULL;

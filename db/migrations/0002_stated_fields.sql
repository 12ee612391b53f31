-- Which fields of a product the ERP states. A field that it leaves out is not sent. Products that came in before count as whole.
ALTER TABLE erp_products ADD COLUMN stated_fields text[] NOT NULL
    DEFAULT '{description,regular_price,sale_price,manage_stock,stock_quantity}';

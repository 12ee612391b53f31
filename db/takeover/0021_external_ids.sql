-- A record is named by the id that its store's own platform gave it, whichever platform that is: external_id, unique in a store.
-- Platforms and entities become rows, so that one more needs no new CHECK list.

CREATE TABLE platforms (
    name              text PRIMARY KEY
);
INSERT INTO platforms (name) VALUES ('woocommerce'), ('shopify'), ('tiktok');
CREATE TABLE entities (
    name              text PRIMARY KEY
);
INSERT INTO entities (name) VALUES ('categories'), ('products'), ('customers'), ('orders');
GRANT SELECT ON platforms, entities TO sluice_app, sluice_system;

ALTER TABLE stores DROP CONSTRAINT stores_platform_check, ADD FOREIGN KEY (platform) REFERENCES platforms (name);
ALTER TABLE entity_stats DROP CONSTRAINT entity_stats_entity_check, ADD FOREIGN KEY (entity) REFERENCES entities (name);
ALTER TABLE stale_arrivals DROP CONSTRAINT stale_arrivals_entity_check, ADD FOREIGN KEY (entity) REFERENCES entities (name);
ALTER TABLE sync_metadata DROP CONSTRAINT sync_metadata_sync_type_check, ADD FOREIGN KEY (sync_type) REFERENCES entities (name);
ALTER TABLE sync_coverage DROP CONSTRAINT sync_coverage_entity_check, ADD FOREIGN KEY (entity) REFERENCES entities (name);
ALTER TABLE schedules DROP CONSTRAINT schedules_entity_check, ADD FOREIGN KEY (entity) REFERENCES entities (name);

-- The owner sees no row while row-level security is forced.
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE products NO FORCE ROW LEVEL SECURITY;
ALTER TABLE customers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pull_runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_metadata NO FORCE ROW LEVEL SECURITY;

ALTER TABLE orders DROP CONSTRAINT one_platform_id;
ALTER TABLE orders RENAME COLUMN wc_order_id TO external_id;
UPDATE orders SET external_id = coalesce(shopify_order_id, tiktok_order_id) WHERE external_id IS NULL;
ALTER TABLE orders DROP COLUMN shopify_order_id, DROP COLUMN tiktok_order_id, ALTER COLUMN external_id SET NOT NULL;
ALTER TABLE orders RENAME COLUMN wc_customer_id TO customer_external_id;
COMMENT ON COLUMN orders.customer_external_id IS NULL;
ALTER TABLE order_items RENAME COLUMN wc_product_id TO product_external_id;
COMMENT ON COLUMN order_items.product_external_id IS NULL;

ALTER TABLE products DROP CONSTRAINT one_platform_id;
ALTER TABLE products RENAME COLUMN wc_product_id TO external_id;
UPDATE products SET external_id = coalesce(shopify_product_id, tiktok_product_id) WHERE external_id IS NULL;
ALTER TABLE products DROP COLUMN shopify_product_id, DROP COLUMN tiktok_product_id, ALTER COLUMN external_id SET NOT NULL;
ALTER TABLE products RENAME COLUMN wc_category_id TO category_external_id;

ALTER TABLE customers DROP CONSTRAINT one_platform_id;
ALTER TABLE customers RENAME COLUMN wc_customer_id TO external_id;
UPDATE customers SET external_id = coalesce(shopify_customer_id, tiktok_customer_id) WHERE external_id IS NULL;
ALTER TABLE customers DROP COLUMN shopify_customer_id, DROP COLUMN tiktok_customer_id, ALTER COLUMN external_id SET NOT NULL;

ALTER TABLE categories RENAME COLUMN wc_category_id TO external_id;
ALTER TABLE categories RENAME COLUMN wc_parent_id TO parent_external_id;
ALTER TABLE categories RENAME CONSTRAINT categories_store_id_wc_category_id_key TO categories_by_external_id;

-- Pages that wait to be applied hold plain records. A quote inside a text is escaped, so only names of fields match.
CREATE FUNCTION pg_temp.renamed(page bytea, entity text) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN convert_to(
        replace(replace(replace(replace(convert_from(page, 'UTF8'),
            CASE entity WHEN 'orders' THEN '"wc_product_id":' ELSE '"-":' END, '"product_external_id":'),
            CASE entity WHEN 'orders' THEN '"wc_customer_id":' ELSE '"-":' END, '"customer_external_id":'),
            '"wc_category_id":', '"category_external_id":'),
            CASE entity WHEN 'orders' THEN '"wc_order_id":' WHEN 'products' THEN '"wc_product_id":' ELSE '"wc_customer_id":' END,
            '"external_id":'), 'UTF8');
UPDATE pull_runs r
   SET page = pg_temp.renamed(r.page, l.entity), rest_page = pg_temp.renamed(r.rest_page, l.entity)
  FROM sync_logs l
 WHERE l.store_id = r.store_id AND l.id = r.log_id AND (r.page IS NOT NULL OR r.rest_page IS NOT NULL);
UPDATE sync_metadata SET rest_page = pg_temp.renamed(rest_page, sync_type) WHERE rest_page IS NOT NULL;
DROP FUNCTION pg_temp.renamed(bytea, text);

ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE products FORCE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
ALTER TABLE pull_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_metadata FORCE ROW LEVEL SECURITY;

-- While a table is new, the planner takes any whole index on store_id for as good as the primary key, and a foreign key check may
-- then walk all rows of the store. Among equals it takes the youngest, so each primary key is made again after the unique index.
ALTER TABLE order_items DROP CONSTRAINT order_items_store_id_order_id_fkey, DROP CONSTRAINT order_items_store_id_product_id_fkey;
ALTER TABLE orders DROP CONSTRAINT orders_store_id_customer_id_fkey;
ALTER TABLE wc_order_events DROP CONSTRAINT wc_order_events_store_id_order_id_fkey;
DROP INDEX orders_of_woocommerce, products_of_woocommerce, customers_of_woocommerce;
ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD CONSTRAINT orders_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE orders ADD PRIMARY KEY (store_id, id);
ALTER TABLE products DROP CONSTRAINT products_pkey, ADD CONSTRAINT products_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE products ADD PRIMARY KEY (store_id, id);
ALTER TABLE customers DROP CONSTRAINT customers_pkey, ADD CONSTRAINT customers_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE customers ADD PRIMARY KEY (store_id, id);
ALTER TABLE orders
    ADD FOREIGN KEY (store_id, customer_id) REFERENCES customers (store_id, id) ON DELETE SET NULL (customer_id);
ALTER TABLE wc_order_events
    ADD FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE;
ALTER TABLE order_items
    ADD FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, id) ON DELETE SET NULL (product_id);

-- The names of the plugin's contract, for those who query a WooCommerce store's orders.
CREATE VIEW wc_orders WITH (security_invoker = true) AS
SELECT o.store_id, o.id, o.external_id AS wc_order_id, o.date_created, o.date_modified, o.status, o.total, o.subtotal,
       o.tax_total, o.shipping_total, o.discount_total, o.currency, o.customer_external_id AS wc_customer_id, o.customer_id,
       o.payment_method, o.coupon_used, o.synced_at
  FROM orders o
  JOIN stores s ON s.id = o.store_id AND s.platform = 'woocommerce';
GRANT SELECT ON wc_orders TO sluice_app;

-- Orders whose books balance: the wide record of an order and its lines, coupons and refunds as rows, what does not add up, and the
-- schema `analytics` with its views. Everything of an order is replaced as a whole with it, so a row's place is its key.
-- needs: current_store

ALTER TABLE orders
    ADD COLUMN number text,
    ADD COLUMN financial_status text,
    ADD COLUMN fulfillment_status text,
    ADD COLUMN platform_status text,
    ADD COLUMN is_test boolean,
    ADD COLUMN paid_at timestamptz,
    ADD COLUMN completed_at timestamptz,
    ADD COLUMN cancelled_at timestamptz,
    ADD COLUMN cancel_reason text,
    ADD COLUMN channel text,
    ADD COLUMN ship_country text,
    ADD COLUMN ship_region text,
    ADD COLUMN prices_include_tax boolean,      -- how the shop shows its prices
    ADD COLUMN amounts_include_tax boolean,     -- how lines, shipping and fees are stated here; NULL: unknown
    ADD COLUMN presentment_currency text,
    ADD COLUMN presentment_total numeric(20, 6),
    ADD COLUMN fee_total numeric(20, 6),
    ADD COLUMN tip_total numeric(20, 6),
    ADD COLUMN platform_discount_total numeric(20, 6),  -- paid by the platform, not by the merchant
    ADD COLUMN refunded_total numeric(20, 6);

ALTER TABLE order_items
    ADD COLUMN kind text NOT NULL DEFAULT 'product' CONSTRAINT known_kinds
        CHECK (kind IN ('product', 'fee', 'shipping', 'gift_card', 'tip')),
    ADD COLUMN line_external_id bigint,
    ADD COLUMN variation_external_id bigint,
    ADD COLUMN current_quantity numeric(20, 6),
    ADD COLUMN discount_total numeric(20, 6),
    ADD COLUMN tax_total numeric(20, 6);

CREATE TABLE order_coupons (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,
    code              text NOT NULL,
    amount            numeric(20, 6),
    tax_total         numeric(20, 6),
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);

CREATE TABLE order_refunds (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,
    external_id       bigint,
    created_at        timestamptz,
    amount            numeric(20, 6) NOT NULL,      -- with tax
    reason            text,
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);
CREATE INDEX order_refunds_by_date ON order_refunds (store_id, created_at);

CREATE TABLE order_refund_items (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,             -- among the lines of all refunds of the order
    refund_position   integer NOT NULL,
    line_external_id  bigint,                       -- as in order_items
    kind              text NOT NULL CONSTRAINT known_kinds CHECK (kind IN ('product', 'fee', 'shipping', 'gift_card', 'tip')),
    quantity          numeric(20, 6),
    amount            numeric(20, 6),
    tax_total         numeric(20, 6),
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);

-- Two figures of an order that should be equal and are not. An order that adds up has no row.
CREATE TABLE order_findings (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,
    kind              text NOT NULL,
    stated            numeric NOT NULL,
    computed          numeric NOT NULL,
    difference        numeric NOT NULL,
    found_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE
);
CREATE INDEX order_findings_by_age ON order_findings (store_id, found_at);

-- Variations of products --------------------------------------------------------------------------------------------------------------
-- An entity of its own: a product of Shopify has up to 2,048 of them, and a plugin posts those that changed.
INSERT INTO entities (name) VALUES ('variations');

CREATE TABLE variations (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    product_external_id bigint,
    product_id        uuid,
    name              text,
    sku               text,
    barcode           text,
    price             numeric(20, 6),
    regular_price     numeric(20, 6),
    sale_price        numeric(20, 6),
    stock_quantity    numeric(20, 6),
    stock_status      text,
    status            text,
    created_at        timestamptz,
    updated_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, id) ON DELETE SET NULL (product_id)
);
CREATE INDEX variations_by_product ON variations (store_id, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX variations_waiting ON variations (store_id, product_external_id)
    WHERE product_id IS NULL AND product_external_id IS NOT NULL;
ALTER TABLE variations ADD CONSTRAINT variations_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE variations ADD PRIMARY KEY (store_id, id);

-- Size: M, colour: blue.
CREATE TABLE variation_attributes (
    store_id          uuid NOT NULL,
    variation_id      uuid NOT NULL,
    position          integer NOT NULL,
    name              text NOT NULL,
    option            text,
    PRIMARY KEY (store_id, variation_id, position),
    FOREIGN KEY (store_id, variation_id) REFERENCES variations (store_id, id) ON DELETE CASCADE
);

ALTER TABLE order_items
    ADD COLUMN variation_id uuid,
    ADD FOREIGN KEY (store_id, variation_id) REFERENCES variations (store_id, id) ON DELETE SET NULL (variation_id);
CREATE INDEX order_items_by_variation ON order_items (store_id, variation_id) WHERE variation_id IS NOT NULL;
CREATE INDEX order_items_waiting_for_variations ON order_items (store_id, variation_external_id)
    WHERE variation_id IS NULL AND variation_external_id IS NOT NULL;

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['order_coupons', 'order_refunds', 'order_refund_items', 'order_findings', 'variations',
                                     'variation_attributes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
        EXECUTE format('CREATE POLICY across_stores ON %I FOR SELECT TO sluice_system USING (true)', tenant_table);
        EXECUTE format('GRANT SELECT ON %I TO sluice_system', tenant_table);
    END LOOP;
END
$$;


-- Views for analysts ------------------------------------------------------------------------------------------------------------------
-- Each view runs with the rights of the role that queries it, so row-level security applies: an analyst sees the store that is set.
-- Amounts are in the currency of the order, and never summed over two. Days are those of the store's zone (`timezone` in its settings).
CREATE SCHEMA analytics;
GRANT USAGE ON SCHEMA analytics TO sluice_app;

-- One row a sale. Left out: tests, and orders that were cancelled, failed or never paid.
CREATE VIEW analytics.sales WITH (security_invoker = true) AS
SELECT o.store_id, o.id AS order_id, o.external_id, o.number, o.date_created AS ordered_at,
       (o.date_created AT TIME ZONE coalesce(s.settings ->> 'timezone', 'UTC'))::date AS day,
       o.status, o.financial_status, o.fulfillment_status, o.channel, o.ship_country, o.ship_region, o.customer_id, o.currency,
       coalesce(o.amounts_include_tax, false) AS includes_tax,
       coalesce(l.units, 0) AS units,
       coalesce(l.gross, o.subtotal, 0) AS gross,
       coalesce(o.discount_total, 0) AS discounts,
       coalesce(o.platform_discount_total, 0) AS platform_discounts,
       coalesce(o.shipping_total, l.shipping, 0) AS shipping,
       coalesce(o.fee_total, l.fees, 0) AS fees,
       coalesce(o.tip_total, l.tips, 0) AS tips,
       coalesce(o.tax_total, 0) AS tax,
       o.total,
       coalesce(o.refunded_total, r.refunded, 0) AS refunds,
       o.total - coalesce(o.refunded_total, r.refunded, 0) AS net
  FROM public.orders o
  JOIN public.stores s ON s.id = o.store_id
  LEFT JOIN LATERAL (
       SELECT sum(i.quantity) FILTER (WHERE i.kind IN ('product', 'gift_card')) AS units,
              sum(coalesce(i.subtotal, i.total)) FILTER (WHERE i.kind IN ('product', 'gift_card')) AS gross,
              sum(i.total) FILTER (WHERE i.kind = 'shipping') AS shipping,
              sum(i.total) FILTER (WHERE i.kind = 'fee') AS fees,
              sum(i.total) FILTER (WHERE i.kind = 'tip') AS tips
         FROM public.order_items i
        WHERE i.store_id = o.store_id AND i.order_id = o.id) l ON true
  LEFT JOIN LATERAL (
       SELECT sum(x.amount) AS refunded
         FROM public.order_refunds x
        WHERE x.store_id = o.store_id AND x.order_id = o.id) r ON true
 WHERE o.is_test IS NOT TRUE
   AND (o.status NOT IN ('pending', 'failed', 'cancelled', 'trash', 'checkout-draft', 'auto-draft')
        OR o.financial_status IN ('paid', 'partially_paid', 'partially_refunded', 'refunded'));

-- One row a day and currency.
CREATE VIEW analytics.sales_daily WITH (security_invoker = true) AS
SELECT store_id, day, currency, count(*) AS orders, sum(units) AS units, sum(gross) AS gross, sum(discounts) AS discounts,
       sum(shipping) AS shipping, sum(fees) AS fees, sum(tips) AS tips, sum(tax) AS tax, sum(total) AS total,
       sum(refunds) AS refunds, sum(net) AS net
  FROM analytics.sales
 GROUP BY store_id, day, currency;

-- One row a line of a sale that sold a product or gift card, with what was given back for it.
CREATE VIEW analytics.sold_lines WITH (security_invoker = true) AS
SELECT s.store_id, s.order_id, s.day, s.currency, s.includes_tax, i.position, i.product_external_id, i.product_id,
       i.variation_external_id, i.variation_id, i.product_name, i.sku, i.quantity AS units,
       coalesce(i.subtotal, i.total, 0) AS gross, coalesce(i.total, i.subtotal, 0) AS sold, coalesce(i.tax_total, 0) AS tax,
       coalesce(r.units, 0) AS refunded_units, coalesce(r.amount, 0) AS refunded,
       coalesce(i.total, i.subtotal, 0) - coalesce(r.amount, 0) AS net
  FROM analytics.sales s
  JOIN public.order_items i ON i.store_id = s.store_id AND i.order_id = s.order_id AND i.kind IN ('product', 'gift_card')
  LEFT JOIN LATERAL (
       SELECT sum(x.quantity) AS units, sum(x.amount) AS amount
         FROM public.order_refund_items x
        WHERE x.store_id = i.store_id AND x.order_id = i.order_id AND x.line_external_id = i.line_external_id) r ON true;

-- One row a product and currency, also for a product that is deleted: its lines name it.
CREATE VIEW analytics.sales_by_product WITH (security_invoker = true) AS
SELECT l.store_id, l.product_external_id, l.currency, coalesce(max(p.name), max(l.product_name)) AS product_name,
       count(DISTINCT l.order_id) AS orders, sum(l.units) AS units, sum(l.gross) AS gross, sum(l.sold) AS sold, sum(l.tax) AS tax,
       sum(l.refunded_units) AS refunded_units, sum(l.refunded) AS refunded, sum(l.net) AS net
  FROM analytics.sold_lines l
  LEFT JOIN public.products p ON p.store_id = l.store_id AND p.id = l.product_id
 GROUP BY l.store_id, l.product_external_id, l.currency;

-- One row a variation and currency; a product without variations is one variation, NULL.
CREATE VIEW analytics.sales_by_variant WITH (security_invoker = true) AS
SELECT l.store_id, l.product_external_id, l.variation_external_id, l.currency,
       coalesce(max(p.name), max(l.product_name)) AS product_name, max(v.attributes) AS attributes,
       coalesce(max(v.sku), max(l.sku)) AS sku, count(DISTINCT l.order_id) AS orders, sum(l.units) AS units, sum(l.gross) AS gross,
       sum(l.sold) AS sold, sum(l.tax) AS tax, sum(l.refunded_units) AS refunded_units, sum(l.refunded) AS refunded,
       sum(l.net) AS net
  FROM analytics.sold_lines l
  LEFT JOIN public.products p ON p.store_id = l.store_id AND p.id = l.product_id
  LEFT JOIN LATERAL (
       SELECT x.sku, (SELECT string_agg(a.name || ': ' || coalesce(a.option, 'any'), ', ' ORDER BY a.position)
                        FROM public.variation_attributes a
                       WHERE a.store_id = x.store_id AND a.variation_id = x.id) AS attributes
         FROM public.variations x
        WHERE x.store_id = l.store_id AND x.id = l.variation_id) v ON true
 GROUP BY l.store_id, l.product_external_id, l.variation_external_id, l.currency;

-- One row a day and currency, by the day of the refund; that of the sale if the platform does not tell.
CREATE VIEW analytics.refunds_daily WITH (security_invoker = true) AS
SELECT s.store_id, coalesce((r.created_at AT TIME ZONE coalesce(t.settings ->> 'timezone', 'UTC'))::date, s.day) AS day, s.currency,
       count(*) AS refunds, count(DISTINCT r.order_id) AS orders, sum(r.amount) AS amount
  FROM analytics.sales s
  JOIN public.stores t ON t.id = s.store_id
  JOIN public.order_refunds r ON r.store_id = s.store_id AND r.order_id = s.order_id
 GROUP BY 1, 2, 3;

-- One row a customer and currency: the hash of the address, never a name.
CREATE VIEW analytics.customers WITH (security_invoker = true) AS
SELECT s.store_id, c.id AS customer_id, c.email_hash, s.currency, min(s.ordered_at) AS first_order_at,
       max(s.ordered_at) AS last_order_at, count(*) AS orders, sum(s.net) AS net, round(sum(s.net) / count(*), 6) AS average
  FROM analytics.sales s
  JOIN public.customers c ON c.store_id = s.store_id AND c.id = s.customer_id
 GROUP BY s.store_id, c.id, c.email_hash, s.currency;

-- One row a category and currency; NULL for products without one.
CREATE VIEW analytics.categories WITH (security_invoker = true) AS
SELECT l.store_id, c.external_id AS category_external_id, c.name, l.currency, count(DISTINCT l.order_id) AS orders,
       sum(l.units) AS units, sum(l.gross) AS gross, sum(l.sold) AS sold, sum(l.refunded) AS refunded, sum(l.net) AS net
  FROM analytics.sold_lines l
  LEFT JOIN public.products p ON p.store_id = l.store_id AND p.id = l.product_id
  LEFT JOIN public.categories c ON c.store_id = p.store_id AND c.id = p.category_id
 GROUP BY l.store_id, c.external_id, c.name, l.currency;

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO sluice_app;

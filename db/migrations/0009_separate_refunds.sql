-- Refunds that come apart from their orders, with a version of their own: a plugin posts them, and TikTok Shop has them in lists of their
-- own. One that comes before its order waits, and is linked when the order arrives.
-- needs: current_store
INSERT INTO entities (name) VALUES ('refunds');

CREATE TABLE refunds (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    external_id       bigint NOT NULL,
    order_external_id bigint,
    order_id          uuid,
    status            text NOT NULL,                -- completed: the money has gone back
    amount            numeric(20, 6) NOT NULL,      -- with tax
    reason            text,
    created_at        timestamptz,
    updated_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE SET NULL (order_id)
);
CREATE INDEX refunds_by_order ON refunds (store_id, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX refunds_waiting ON refunds (store_id, order_external_id) WHERE order_id IS NULL AND order_external_id IS NOT NULL;
ALTER TABLE refunds ADD CONSTRAINT refunds_by_external_id UNIQUE (store_id, external_id);
ALTER TABLE refunds ADD PRIMARY KEY (store_id, id);

CREATE TABLE refund_items (
    store_id          uuid NOT NULL,
    refund_id         uuid NOT NULL,
    position          integer NOT NULL,
    line_external_id  bigint,
    kind              text NOT NULL CONSTRAINT known_kinds CHECK (kind IN ('product', 'fee', 'shipping', 'gift_card', 'tip')),
    quantity          numeric(20, 6),
    amount            numeric(20, 6),
    tax_total         numeric(20, 6),
    PRIMARY KEY (store_id, refund_id, position),
    FOREIGN KEY (store_id, refund_id) REFERENCES refunds (store_id, id) ON DELETE CASCADE
);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['refunds', 'refund_items'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
        EXECUTE format('CREATE POLICY across_stores ON %I FOR SELECT TO sluice_system USING (true)', tenant_table);
        EXECUTE format('GRANT SELECT ON %I TO sluice_system', tenant_table);
    END LOOP;
END
$$;

-- The refunds of each order, from wherever they come. An order that brings refunds, or says how much was given back, is right.
CREATE VIEW analytics.refunds WITH (security_invoker = true) AS
SELECT r.store_id, r.order_id, r.external_id, r.created_at, r.amount, r.reason
  FROM public.order_refunds r
 UNION ALL
SELECT r.store_id, r.order_id, r.external_id, r.created_at, r.amount, r.reason
  FROM public.refunds r
  JOIN public.orders o ON o.store_id = r.store_id AND o.id = r.order_id AND o.refunded_total IS NULL
 WHERE r.status = 'completed'
   AND NOT EXISTS (SELECT FROM public.order_refunds x WHERE x.store_id = r.store_id AND x.order_id = r.order_id);

CREATE VIEW analytics.refunded_lines WITH (security_invoker = true) AS
SELECT i.store_id, i.order_id, i.line_external_id, i.kind, i.quantity, i.amount, i.tax_total
  FROM public.order_refund_items i
 UNION ALL
SELECT r.store_id, r.order_id, i.line_external_id, i.kind, i.quantity, i.amount, i.tax_total
  FROM public.refunds r
  JOIN public.refund_items i ON i.store_id = r.store_id AND i.refund_id = r.id
  JOIN public.orders o ON o.store_id = r.store_id AND o.id = r.order_id AND o.refunded_total IS NULL
 WHERE r.status = 'completed'
   AND NOT EXISTS (SELECT FROM public.order_refunds x WHERE x.store_id = r.store_id AND x.order_id = r.order_id);

-- One row a sale. Left out: tests, and orders that were cancelled, failed or never paid.
CREATE OR REPLACE VIEW analytics.sales WITH (security_invoker = true) AS
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
         FROM analytics.refunds x
        WHERE x.store_id = o.store_id AND x.order_id = o.id) r ON true
 WHERE o.is_test IS NOT TRUE
   AND (o.status NOT IN ('pending', 'failed', 'cancelled', 'trash', 'checkout-draft', 'auto-draft')
        OR o.financial_status IN ('paid', 'partially_paid', 'partially_refunded', 'refunded'));

-- One row a line of a sale that sold a product or gift card, with what was given back for it.
CREATE OR REPLACE VIEW analytics.sold_lines WITH (security_invoker = true) AS
SELECT s.store_id, s.order_id, s.day, s.currency, s.includes_tax, i.position, i.product_external_id, i.product_id,
       i.variation_external_id, i.variation_id, i.product_name, i.sku, i.quantity AS units,
       coalesce(i.subtotal, i.total, 0) AS gross, coalesce(i.total, i.subtotal, 0) AS sold, coalesce(i.tax_total, 0) AS tax,
       coalesce(r.units, 0) AS refunded_units, coalesce(r.amount, 0) AS refunded,
       coalesce(i.total, i.subtotal, 0) - coalesce(r.amount, 0) AS net
  FROM analytics.sales s
  JOIN public.order_items i ON i.store_id = s.store_id AND i.order_id = s.order_id AND i.kind IN ('product', 'gift_card')
  LEFT JOIN LATERAL (
       SELECT sum(x.quantity) AS units, sum(x.amount) AS amount
         FROM analytics.refunded_lines x
        WHERE x.store_id = i.store_id AND x.order_id = i.order_id AND x.line_external_id = i.line_external_id) r ON true;

-- One row a day and currency, by the day of the refund; that of the sale if the platform does not tell.
CREATE OR REPLACE VIEW analytics.refunds_daily WITH (security_invoker = true) AS
SELECT s.store_id, coalesce((r.created_at AT TIME ZONE coalesce(t.settings ->> 'timezone', 'UTC'))::date, s.day) AS day, s.currency,
       count(*) AS refunds, count(DISTINCT r.order_id) AS orders, sum(r.amount) AS amount
  FROM analytics.sales s
  JOIN public.stores t ON t.id = s.store_id
  JOIN analytics.refunds r ON r.store_id = s.store_id AND r.order_id = s.order_id
 GROUP BY 1, 2, 3;

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO sluice_app;

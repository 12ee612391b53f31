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

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['order_coupons', 'order_refunds', 'order_refund_items', 'order_findings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
        EXECUTE format('CREATE POLICY across_stores ON %I FOR SELECT TO sluice_system USING (true)', tenant_table);
        EXECUTE format('GRANT SELECT ON %I TO sluice_system', tenant_table);
    END LOOP;
END
$$;

-- What a shop consists of. Every key begins with store_id, so the tables can be distributed by it.
-- A reference keeps the platform's id beside the resolved one; the partial indexes hold what still waits for its target.
-- (source_updated_at, accepted_seq) is the version of a row; content_hash tells an unchanged record.

CREATE TABLE categories (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    wc_category_id    bigint NOT NULL,
    name              text NOT NULL,
    wc_parent_id      bigint,
    parent_id         uuid,
    product_count     bigint,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, wc_category_id),
    FOREIGN KEY (store_id, parent_id) REFERENCES categories (store_id, id) ON DELETE SET NULL (parent_id)
);
CREATE INDEX categories_by_parent ON categories (store_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX categories_waiting ON categories (store_id, wc_parent_id) WHERE parent_id IS NULL AND wc_parent_id IS NOT NULL;

CREATE TABLE products (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    wc_product_id     bigint NOT NULL,
    name              text NOT NULL,
    sku               text,
    price             numeric(20, 6),
    regular_price     numeric(20, 6),
    sale_price        numeric(20, 6),
    wc_category_id    bigint,
    category_id       uuid,
    category_name     text,
    stock_quantity    numeric(20, 6),
    stock_status      text,
    status            text,
    type              text,
    created_at        timestamptz,
    updated_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, wc_product_id),
    FOREIGN KEY (store_id, category_id) REFERENCES categories (store_id, id) ON DELETE SET NULL (category_id)
);
CREATE INDEX products_by_category ON products (store_id, category_id) WHERE category_id IS NOT NULL;
CREATE INDEX products_waiting ON products (store_id, wc_category_id) WHERE category_id IS NULL AND wc_category_id IS NOT NULL;

CREATE TABLE customers (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    wc_customer_id    bigint NOT NULL,
    email_hash        text CHECK (length(email_hash) = 64),   -- never the address
    display_name      text,
    total_spent       numeric(20, 6),
    order_count       bigint,
    first_order_date  timestamptz,
    last_order_date   timestamptz,
    created_at        timestamptz,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, wc_customer_id)
);

CREATE TABLE orders (
    store_id          uuid NOT NULL REFERENCES stores (id),
    id                uuid NOT NULL,
    wc_order_id       bigint NOT NULL,
    date_created      timestamptz NOT NULL,
    date_modified     timestamptz,
    status            text NOT NULL,
    total             numeric(20, 6) NOT NULL,
    subtotal          numeric(20, 6),
    tax_total         numeric(20, 6),
    shipping_total    numeric(20, 6),
    discount_total    numeric(20, 6),
    currency          text,
    wc_customer_id    bigint,
    customer_id       uuid,
    payment_method    text,
    coupon_used       text,
    source_updated_at timestamptz NOT NULL,
    accepted_seq      bigint NOT NULL,
    content_hash      bytea NOT NULL,
    synced_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, wc_order_id),
    FOREIGN KEY (store_id, customer_id) REFERENCES customers (store_id, id) ON DELETE SET NULL (customer_id)
);
CREATE INDEX orders_by_date ON orders (store_id, date_created);
CREATE INDEX orders_by_customer ON orders (store_id, customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_waiting ON orders (store_id, wc_customer_id) WHERE customer_id IS NULL AND wc_customer_id IS NOT NULL;

-- A line has no life of its own: an order's lines are replaced as a whole, so its place in the order is its key.
CREATE TABLE order_items (
    store_id          uuid NOT NULL,
    order_id          uuid NOT NULL,
    position          integer NOT NULL,
    product_name      text NOT NULL,
    sku               text,
    quantity          numeric(20, 6) NOT NULL,
    subtotal          numeric(20, 6),
    total             numeric(20, 6),
    wc_product_id     bigint,
    product_id        uuid,
    PRIMARY KEY (store_id, order_id, position),
    FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, id) ON DELETE CASCADE,
    FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, id) ON DELETE SET NULL (product_id)
);
CREATE INDEX order_items_by_product ON order_items (store_id, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX order_items_waiting ON order_items (store_id, wc_product_id) WHERE product_id IS NULL AND wc_product_id IS NOT NULL;

-- How many, and how fresh: kept beside the rows in the same transaction, so that status never counts a table.
CREATE TABLE entity_stats (
    store_id          uuid NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    entity            text NOT NULL CHECK (entity IN ('orders', 'products', 'customers', 'categories')),
    record_count      bigint NOT NULL DEFAULT 0,
    last_sync_time    timestamptz NOT NULL,
    last_record_time  timestamptz,          -- the newest source time ever applied
    records_synced    bigint NOT NULL,      -- by the last log
    is_full_sync      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (store_id, entity)
) WITH (fillfactor = 50);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['categories', 'products', 'customers', 'orders', 'order_items', 'entity_stats'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY own_rows ON %I USING (store_id = (SELECT current_store()))', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sluice_app', tenant_table);
    END LOOP;
END
$$;

-- What the shop was seen to have of a product takes the place of what was last sent: the figures that brakes weigh, the field groups
-- that agree with the ERP, and the fields that differ. Images and categories become fields that the ERP may leave out.
ALTER TABLE wc_product_sync_mappings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE erp_products NO FORCE ROW LEVEL SECURITY;
ALTER TABLE stores NO FORCE ROW LEVEL SECURITY;

ALTER TABLE wc_product_sync_mappings RENAME COLUMN sent_hashes TO seen_hashes;
ALTER TABLE wc_product_sync_mappings RENAME COLUMN sent_regular_price TO seen_regular_price;
ALTER TABLE wc_product_sync_mappings RENAME COLUMN sent_stock TO seen_stock;
ALTER TABLE wc_product_sync_mappings
    ADD COLUMN seen_sale_price numeric(20, 6),
    ADD COLUMN seen_sale_from timestamptz,
    ADD COLUMN seen_sale_to timestamptz,
    ADD COLUMN image_hash text,             -- of the images that were last sent, or counted as the same
    ADD COLUMN looked_hashes jsonb NOT NULL DEFAULT '{}',   -- of the ERP's values that the shop's were last compared with
    ADD COLUMN differences jsonb NOT NULL DEFAULT '{}',     -- by field: ours, theirs, digest of theirs, since
    ADD COLUMN rejected_hashes jsonb NOT NULL DEFAULT '{}', -- of values that a person rejected
    ADD COLUMN looked_at timestamptz,       -- when the shop's product was last read
    ADD COLUMN seen_at timestamptz,         -- when all its fields were last compared
    DROP CONSTRAINT wc_product_sync_mappings_sync_status_check,
    ADD CONSTRAINT wc_product_sync_mappings_sync_status_check CHECK (sync_status IN ('synced', 'adopted', 'differs', 'failed'));
CREATE INDEX wc_product_sync_mappings_differing ON wc_product_sync_mappings (store_id, internal_product_id) WHERE differences <> '{}';

UPDATE wc_product_sync_mappings SET seen_sale_price = sent_sale_price, image_hash = seen_hashes ->> 'image';
UPDATE wc_product_sync_mappings m
   SET seen_sale_from = e.sale_from, seen_sale_to = e.sale_to
  FROM erp_products e
 WHERE e.store_id = m.store_id AND e.product_id = m.internal_product_id AND m.sent_sale_price = e.sale_price;

UPDATE erp_products
   SET stated_fields = stated_fields || CASE WHEN image_urls = '{}' THEN '{}' ELSE '{image_urls}'::text[] END
                                     || CASE WHEN category_ids = '{}' THEN '{}' ELSE '{category_ids}'::text[] END;

-- A store that has sent products before has taken over its shop already.
UPDATE stores SET settings = settings || '{"takeover": "earlier"}'
 WHERE EXISTS (SELECT FROM wc_product_sync_mappings m WHERE m.store_id = stores.id AND m.sync_status <> 'adopted');

ALTER TABLE wc_product_sync_mappings FORCE ROW LEVEL SECURITY;
ALTER TABLE erp_products FORCE ROW LEVEL SECURITY;
ALTER TABLE stores FORCE ROW LEVEL SECURITY;

-- A drift check compares what changed in the shop since `watermark`, or all mapped products, with what the ERP states.
CREATE TABLE wc_drift_checks (
    store_id          uuid PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    due_at            timestamptz,          -- NULL: none is due
    is_whole          boolean NOT NULL DEFAULT false,   -- the due one compares all mapped products
    place             uuid,                 -- of a whole one: the last product that was compared
    began_at          timestamptz,          -- of a whole one: the shop's time as it began
    watermark         timestamptz,          -- the shop's time up to which all changes were compared
    checked_at        timestamptz,
    whole_at          timestamptz,          -- when all mapped products were last compared
    error_code        text                  -- of the last try, if it failed
) WITH (fillfactor = 50);
ALTER TABLE wc_drift_checks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON wc_drift_checks USING (store_id = (SELECT current_store()));
GRANT SELECT, INSERT, UPDATE, DELETE ON wc_drift_checks TO sluice_app;
CREATE POLICY across_stores ON wc_drift_checks FOR SELECT TO sluice_system USING (true);
GRANT SELECT ON wc_drift_checks TO sluice_system;

ALTER TABLE wc_schedules DROP CONSTRAINT wc_schedules_task_check,
    ADD CONSTRAINT wc_schedules_task_check CHECK (task IN ('full', 'retry', 'orders', 'drift'));

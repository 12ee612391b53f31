-- A shop that fails as a whole: how often in a row, by which the next pause is measured; not 0 while it has not been seen to work
-- again. And how many products may be on their way to a shop at once, by how it answers; NULL until something was learned.
ALTER TABLE wc_push_leases
    ADD COLUMN failures_in_a_row integer NOT NULL DEFAULT 0 CHECK (failures_in_a_row >= 0),
    ADD COLUMN products_at_once integer CHECK (products_at_once > 0);

-- An operator may acknowledge an open alert: it stays open until its trouble is gone, and stands below the others until then.
-- `acknowledged_by` is the id of the operator's token.
ALTER TABLE alerts ADD COLUMN acknowledged_at timestamptz, ADD COLUMN acknowledged_by uuid;

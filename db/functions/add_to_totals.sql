-- Adds what a log's change counted to sync_totals, in the transaction of that change.
-- A pull counts page by page, a batch as it completes. One of 64 rows by the store's hash takes the counts, so that stores seldom
-- wait for each other.
SET LOCAL ROLE sluice_system;
CREATE OR REPLACE FUNCTION add_to_totals() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    was public.sync_logs%ROWTYPE;
    ended integer := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD;
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') AND was.status IS DISTINCT FROM NEW.status THEN
        ended := 1;
    END IF;
    INSERT INTO public.sync_totals AS t (shard, entity, source, completed, failed, cancelled, attempts,
                                         inserted, updated, unchanged, stale, invalid, existing)
    VALUES (uuid_hash(NEW.store_id) & 63, NEW.entity, NEW.source,
            ended * (NEW.status = 'completed')::int, ended * (NEW.status = 'failed')::int,
            ended * (NEW.status = 'cancelled')::int, ended * NEW.attempts,
            NEW.inserted - coalesce(was.inserted, 0), NEW.updated - coalesce(was.updated, 0),
            NEW.unchanged - coalesce(was.unchanged, 0), NEW.stale - coalesce(was.stale, 0),
            NEW.invalid - coalesce(was.invalid, 0), NEW.existing - coalesce(was.existing, 0))
        ON CONFLICT (shard, entity, source) DO UPDATE SET
           completed = t.completed + EXCLUDED.completed, failed = t.failed + EXCLUDED.failed,
           cancelled = t.cancelled + EXCLUDED.cancelled, attempts = t.attempts + EXCLUDED.attempts,
           inserted = t.inserted + EXCLUDED.inserted, updated = t.updated + EXCLUDED.updated,
           unchanged = t.unchanged + EXCLUDED.unchanged, stale = t.stale + EXCLUDED.stale,
           invalid = t.invalid + EXCLUDED.invalid, existing = t.existing + EXCLUDED.existing;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION add_to_totals() FROM PUBLIC, sluice_app;
GRANT EXECUTE ON FUNCTION add_to_totals() TO sluice_owner; -- who creates the triggers; firing one needs no privilege

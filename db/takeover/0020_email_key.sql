-- Under which EMAIL_HASH_KEY a customer's address was hashed: the key's id, and NULL for a plain SHA-256, or for a hash from
-- before this column. A hash can't be computed anew, so rows whose id is not the current key's wait until they are posted again.
ALTER TABLE customers ADD COLUMN email_key text;

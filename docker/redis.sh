#!/bin/sh
# Redis with two users: what the application needs, and what an ERP needs to tell of changes. The passwords come over standard
# input: an argument could be read in the list of processes.
# noeviction: a full Redis refuses new entries, which the dispatcher makes up for, rather than drop old ones.
set -eu
exec redis-server - --dir /data --appendonly yes --appendfsync everysec \
  --maxmemory 256mb --maxmemory-policy noeviction <<END
user default off
user sluice on >$(cat /run/secrets/redis_password) ~* &* +@all -@admin -@dangerous +info +client|list +client|setname
user erp on >$(cat /run/secrets/redis_erp_password) resetkeys resetchannels ~sluice:events:from:erp &sluice:events:from:erp:* -@all +xadd +publish +ping
END

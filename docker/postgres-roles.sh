#!/bin/sh
# Run once, on an empty volume: the four roles with their passwords, and the database to its owner.
set -eu
owner=$(cat /run/secrets/owner_password)
app=$(cat /run/secrets/app_password)
backup=$(cat /run/secrets/backup_password)
PGOPTIONS="-c sluice.owner_password=$owner -c sluice.app_password=$app -c sluice.backup_password=$backup" \
  psql --set ON_ERROR_STOP=1 --username postgres --dbname sluice --file /sluice/bootstrap.sql
psql --set ON_ERROR_STOP=1 --username postgres --dbname sluice \
  --command 'ALTER DATABASE sluice OWNER TO sluice_owner' \
  --command 'ALTER SCHEMA public OWNER TO sluice_owner'

#!/bin/sh
# Makes the secrets of docker-compose.yml, a file each in ./secrets. What exists is kept, so it may be run again after an
# upgrade; values of an older .env are taken over. Empty files stand for settings that are not set.
set -eu
mkdir -p secrets
chmod 700 secrets

make_secret() { # name value
  if [ ! -e "secrets/$1" ]; then printf '%s' "$2" > "secrets/$1"; fi
  chmod 644 "secrets/$1" # read inside containers, by their users; the folder keeps others out
}
random() { openssl rand -hex 32; }
kept() { if [ -f .env ]; then sed -n "s/^$1=//p" .env | tail -n 1; fi; }
kept_or_random() {
  value=$(kept "$1")
  if [ -n "$value" ]; then printf '%s' "$value"; else random; fi
}

make_secret postgres_password "$(kept_or_random POSTGRES_PASSWORD)"
make_secret owner_password "$(kept_or_random SLUICE_OWNER_PASSWORD)"
make_secret app_password "$(kept_or_random SLUICE_APP_PASSWORD)"
make_secret backup_password "$(kept_or_random SLUICE_BACKUP_PASSWORD)"
make_secret redis_password "$(kept_or_random REDIS_PASSWORD)"
make_secret redis_erp_password "$(random)"
make_secret secret_key "$(kept_or_random SECRET_KEY)"
make_secret dashboard_password "$(kept_or_random DASHBOARD_PASSWORD)"
make_secret database_url "postgresql://sluice_app:$(cat secrets/app_password)@postgres:5432/sluice"
make_secret migration_database_url "postgresql://sluice_owner:$(cat secrets/owner_password)@postgres:5432/sluice"
make_secret backup_database_url "postgresql://sluice_backup:$(cat secrets/backup_password)@postgres:5432/sluice"
make_secret restore_database_url "postgresql://postgres:$(cat secrets/postgres_password)@postgres:5432/sluice"
make_secret redis_url "redis://sluice:$(cat secrets/redis_password)@redis:6379/0"
make_secret secret_key_old "$(kept SECRET_KEY_OLD)"
make_secret email_hash_key "$(kept EMAIL_HASH_KEY)"
make_secret metrics_token "$(kept METRICS_TOKEN)"
make_secret alert_webhook_url "$(kept ALERT_WEBHOOK_URL)"
make_secret alert_webhook_secret "$(kept ALERT_WEBHOOK_SECRET)"
make_secret erp_event_key "$(kept ERP_EVENT_KEY)"
make_secret postgres_ca "" # the authority of an own PostgreSQL server, for sslmode=verify-full
make_secret trusted_proxies "# set_real_ip_from 192.0.2.7;
"

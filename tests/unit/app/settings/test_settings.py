"""Settings: each has a working default, and a wrong one refuses to start and is named."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.settings.environment import SettingsError, load_settings
from tests.support.paths import ROOT

KEY = "k" * 32
SERVERS = {"DATABASE_URL": "postgresql://a/b", "REDIS_URL": "redis://c", "SECRET_KEY": KEY}
WRONG = [
    ("DATABASE_URL", "mysql://a/b"),
    ("MIGRATION_DATABASE_URL", "sqlite:///x"),
    ("REDIS_URL", "http://c"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "eighty"),
    ("WEB_WORKERS", "0"),
    ("WEB_THREADS", "65"),
    ("WORKERS", "-1"),
    ("WORKERS", "1.5"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
    ("SECRET_KEY", "short"),
    ("EMAIL_HASH_KEY", "short"),
    ("MAX_BATCH_RECORDS", "0"),
    ("MAX_BODY_BYTES", "10"),
    ("MAX_ATTEMPTS", "21"),
    ("RETENTION_DAYS", "0"),
    ("AUDIT_RETENTION_DAYS", "29"),
    ("RATE_LIMIT_PER_MINUTE", "0"),
    ("MAX_OPEN_LOGS_PER_STORE", "x"),
    ("MAX_STORE_BYTES", "-1"),
    ("QUEUE_WINDOW", "1001"),
    ("DB_POOL_SIZE", "101"),
    ("PULL_WORKERS", "0"),
    ("PULL_TURN_SECONDS", "0"),
    ("MAX_WAITERS", "65"),
    ("PREPARED_STATEMENTS", "perhaps"),
    ("ALLOW_HTTP_SHOPS", "1"),
    ("ALLOWED_SHOP_PORTS", "443;80"),
    ("ALLOWED_SHOP_NETWORKS", "8.8.8.0/24"),
    ("TIKTOK_CALLS_PER_SECOND", "0"),
    ("TRUSTED_PROXIES", "-1"),
    ("TRUSTED_PROXIES", "9"),
    ("TRUSTED_PROXIES", "nginx"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,nginx"),
    ("FORCE_HTTPS", "1"),
    ("PUSH_WORKERS", "0"),
    ("PUSH_CACHE_SECONDS", "0"),
    ("ALERT_WEBHOOK_URL", "ftp://elsewhere"),
    ("ALERT_WEBHOOK_SECRET", "short"),
    ("ERP_EVENT_KEY", "short"),
    ("ERP_USERS", "erp"),
    ("ERP_USERS", "erp=everything"),
    ("ERP_USERS", "erp=*;erp=*"),
    ("ERP_USERS", "e rp=*"),
    ("METRICS_TOKEN", "short"),
    ("ALERT_RUNNING_SECONDS", "0"),
    ("ALERT_ZERO_RUNS", "11"),
    ("ALERT_SKIPPED_PERCENT", "101"),
    ("ALERT_IMBALANCE_PERCENT", "101"),
    ("ALERT_WATERMARK_SECONDS", "0"),
    ("BACKUP_DATABASE_URL", "mysql://h/db"),
    ("RESTORE_DATABASE_URL", "mysql://h/db"),
    ("SECRET_KEY_OLD", f"{KEY},short"),
    ("SECURITY_CONTACT", "somebody"),
    ("SECURITY_EXPIRES", "2027-01-01"),
]


def test_defaults_work_with_nothing_set() -> None:
    settings = load_settings({})
    assert (settings.database_url, settings.redis_url, settings.secret_key) == (None, None, None)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 2)
    assert (settings.max_batch_records, settings.max_body_bytes, settings.max_attempts) == (5000, 16 * 2**20, 5)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(SERVERS | {name: value})
    lines = [line for line in str(caught.value).splitlines() if line.startswith(f"{name} must be ")]
    assert len(lines) == 1
    assert value not in lines[0].split()


def test_all_wrong_settings_are_named_at_once() -> None:
    wrong = {name: value for name, value in WRONG if name not in SERVERS}
    with pytest.raises(SettingsError) as caught:
        load_settings(SERVERS | wrong)
    assert {line.split()[0] for line in str(caught.value).splitlines()} == wrong.keys()


def test_every_setting_but_free_text_is_checked() -> None:
    source = (ROOT / "app" / "settings" / "environment.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\bread\(\s*"([A-Z_]+)"', source))
    assert read - {name for name, _ in WRONG} == {"DATA_DIR", "HOST", "PROCESS_NAME"}
    assert {field.name.upper() for field in fields(load_settings({}))} == read


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_setting_counts_as_unset(empty: str) -> None:
    assert load_settings({"PORT": empty, "REDIS_URL": empty}) == load_settings({})


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL", "SECRET_KEY"])
def test_configured_servers_need_both_urls_and_a_key(missing: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{missing} must be set"):
        load_settings({name: value for name, value in SERVERS.items() if name != missing})


def test_settings_repr_hides_secrets() -> None:
    assert KEY not in repr(load_settings(SERVERS | {"EMAIL_HASH_KEY": KEY}))


def test_setting_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    given = {name: value for name, value in SERVERS.items() if name != "SECRET_KEY"}
    assert load_settings(given | {"SECRET_KEY_FILE": str(file)}) == load_settings(SERVERS)


@pytest.mark.parametrize("given", [{"SECRET_KEY_FILE": "/nowhere/at/all"}, {"SECRET_KEY_FILE": __file__} | SERVERS])
def test_unusable_setting_file_is_named(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^SECRET_KEY_FILE must be "):
        load_settings(given)


def test_process_without_credentials_needs_no_key() -> None:
    given = {name: value for name, value in SERVERS.items() if name != "SECRET_KEY"}
    assert load_settings(given, needs_key=False).secret_key is None

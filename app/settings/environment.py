"""Every setting, read from the environment in one place. A wrong one refuses to start, and the error names it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.settings.values import (
    NO_NETWORKS,
    ErpUser,
    Network,
    TrustedProxies,
    erp_users,
    https_url,
    moment,
    one_of,
    ports,
    private_networks,
    proxies,
    secret,
    secrets,
    text,
    url,
    webhook_secret,
    whole,
    yes_or_no,
)

T = TypeVar("T")

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("console", "json")
NO_KEYS: tuple[str, ...] = ()
SHOP_PORTS = frozenset({80, 443, 8080, 8443})
PREPARE_AFTER = 5  # uses of a statement, as psycopg has it

NO_USERS: tuple[ErpUser, ...] = ()


class SettingsError(ValueError):
    """One or more settings are wrong. The message has a line for each: its name, and what it should be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. docs/settings.md explains each."""

    database_url: str | None  # None: embedded servers under data_dir
    migration_database_url: str | None
    backup_database_url: str | None = field(repr=False)
    restore_database_url: str | None = field(repr=False)
    redis_url: str | None
    data_dir: Path
    host: str
    port: int
    web_workers: int
    web_threads: int
    workers: int
    process_name: str | None
    log_level: str
    log_format: str
    secret_key: str | None = field(repr=False)
    secret_key_old: tuple[str, ...] = field(repr=False)
    email_hash_key: str | None = field(repr=False)
    max_batch_records: int
    max_body_bytes: int
    max_attempts: int
    retention_days: int
    audit_retention_days: int
    rate_limit_per_minute: int
    max_open_logs_per_store: int
    max_store_bytes: int
    queue_window: int
    db_pool_size: int
    max_waiters: int
    pull_workers: int
    pull_turn_seconds: int
    push_workers: int
    push_cache_seconds: int
    erp_users: tuple[ErpUser, ...]
    erp_event_key: str | None = field(repr=False)
    metrics_token: str | None = field(repr=False)
    alert_webhook_url: str | None = field(repr=False)
    alert_webhook_secret: str | None = field(repr=False)
    alert_running_seconds: int
    alert_zero_runs: int
    alert_skipped_percent: int
    alert_imbalance_percent: int
    alert_watermark_seconds: int
    allow_http_shops: bool
    allowed_shop_ports: frozenset[int]
    allowed_shop_networks: tuple[Network, ...]
    tiktok_calls_per_second: int
    prepared_statements: bool
    trusted_proxies: TrustedProxies
    force_https: bool
    security_contact: str | None
    security_expires: str | None

    @property
    def prepare_threshold(self) -> int | None:
        """After how many uses a statement is prepared. None: never, since a pooler changes sessions."""
        return PREPARE_AFTER if self.prepared_statements else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one variable after the other. `wrong` collects the errors, `given` the names that are set."""

    environ: Mapping[str, str]
    wrong: list[str] = field(default_factory=list)
    given: set[str] = field(default_factory=set)

    def __call__(self, name: str, parse: Callable[[str], T], default: T) -> T:
        value = self._text(name)
        if not value:
            return default
        self.given.add(name)
        try:
            return parse(value)
        except ValueError as error:
            self.wrong.append(f"{name} must be {error}")
            return default

    def _text(self, name: str) -> str:
        value, path = (self.environ.get(each, "").strip() for each in (name, f"{name}_FILE"))
        if not path:
            return value
        if value:
            self.wrong.append(f"{name}_FILE must be unset where {name} is set")
            return value
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self.wrong.append(f"{name}_FILE must be the path of a text file that can be read")
            return ""


def load_settings(environ: Mapping[str, str], *, needs_key: bool = True) -> Settings:
    """Read the settings from `environ`, normally `os.environ`. An empty variable counts as unset.

    Each may be in a file that `<NAME>_FILE` names. `needs_key`: whether configured servers require SECRET_KEY.
    Raises SettingsError, which names every wrong variable at once.
    """
    read = _Reader(environ)
    parts = [subject(read).keywords for subject in (_servers, _processes, _intake, _platforms, _watching)]
    wrong = read.wrong + _half_configured(read.given, needs_key)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return Settings(**ChainMap(*parts))


# Each group is a partial call, so that mypy checks names and types against Settings.


def _servers(read: _Reader) -> partial[Settings]:
    return partial(
        Settings,
        database_url=read("DATABASE_URL", url("postgresql", "postgres"), None),
        migration_database_url=read("MIGRATION_DATABASE_URL", url("postgresql", "postgres"), None),
        backup_database_url=read("BACKUP_DATABASE_URL", url("postgresql", "postgres"), None),
        restore_database_url=read("RESTORE_DATABASE_URL", url("postgresql", "postgres"), None),
        redis_url=read("REDIS_URL", url("redis", "rediss", "unix"), None),
        data_dir=Path(read("DATA_DIR", text, ".data")).absolute(),
        secret_key=read("SECRET_KEY", secret, None),
        secret_key_old=read("SECRET_KEY_OLD", secrets, NO_KEYS),
        email_hash_key=read("EMAIL_HASH_KEY", secret, None),
        db_pool_size=read("DB_POOL_SIZE", whole(1, 100), 8),
        prepared_statements=read("PREPARED_STATEMENTS", yes_or_no, True),
    )


def _processes(read: _Reader) -> partial[Settings]:
    return partial(
        Settings,
        host=read("HOST", text, "127.0.0.1"),
        port=read("PORT", whole(1, 65535), 8000),
        web_workers=read("WEB_WORKERS", whole(1, 64), 2),
        web_threads=read("WEB_THREADS", whole(1, 64), 8),
        workers=read("WORKERS", whole(1, 64), 2),
        process_name=read("PROCESS_NAME", text, None),
        pull_workers=read("PULL_WORKERS", whole(1, 64), 1),
        push_workers=read("PUSH_WORKERS", whole(1, 64), 2),
        trusted_proxies=read("TRUSTED_PROXIES", proxies, TrustedProxies()),
        force_https=read("FORCE_HTTPS", yes_or_no, False),
        log_level=read("LOG_LEVEL", one_of(*LOG_LEVELS), "INFO"),
        log_format=read("LOG_FORMAT", one_of(*LOG_FORMATS), "console"),
    )


def _intake(read: _Reader) -> partial[Settings]:
    return partial(
        Settings,
        max_batch_records=read("MAX_BATCH_RECORDS", whole(1, 100_000), 5000),
        max_body_bytes=read("MAX_BODY_BYTES", whole(1024, 256 * 1024 * 1024), 16 * 1024 * 1024),
        max_attempts=read("MAX_ATTEMPTS", whole(1, 20), 5),
        retention_days=read("RETENTION_DAYS", whole(1, 3650), 30),
        audit_retention_days=read("AUDIT_RETENTION_DAYS", whole(30, 3650), 365),
        rate_limit_per_minute=read("RATE_LIMIT_PER_MINUTE", whole(1, 1_000_000), 1200),
        max_open_logs_per_store=read("MAX_OPEN_LOGS_PER_STORE", whole(1, 1_000_000), 2000),
        max_store_bytes=read("MAX_STORE_BYTES", whole(0, 2**60), 0),
        queue_window=read("QUEUE_WINDOW", whole(1, 1000), 8),
        max_waiters=read("MAX_WAITERS", whole(0, 64), 4),
        erp_users=read("ERP_USERS", erp_users, NO_USERS),
        erp_event_key=read("ERP_EVENT_KEY", secret, None),
    )


def _platforms(read: _Reader) -> partial[Settings]:
    return partial(
        Settings,
        pull_turn_seconds=read("PULL_TURN_SECONDS", whole(1, 3600), 60),
        push_cache_seconds=read("PUSH_CACHE_SECONDS", whole(1, 366 * 24 * 3600), 24 * 3600),
        allow_http_shops=read("ALLOW_HTTP_SHOPS", yes_or_no, False),
        allowed_shop_ports=read("ALLOWED_SHOP_PORTS", ports, SHOP_PORTS),
        allowed_shop_networks=read("ALLOWED_SHOP_NETWORKS", private_networks, NO_NETWORKS),
        tiktok_calls_per_second=read("TIKTOK_CALLS_PER_SECOND", whole(1, 1000), 20),
    )


def _watching(read: _Reader) -> partial[Settings]:
    return partial(
        Settings,
        metrics_token=read("METRICS_TOKEN", secret, None),
        alert_webhook_url=read("ALERT_WEBHOOK_URL", https_url, None),
        alert_webhook_secret=read("ALERT_WEBHOOK_SECRET", webhook_secret, None),
        alert_running_seconds=read("ALERT_RUNNING_SECONDS", whole(1, 604_800), 900),
        alert_zero_runs=read("ALERT_ZERO_RUNS", whole(0, 10), 3),
        alert_skipped_percent=read("ALERT_SKIPPED_PERCENT", whole(0, 100), 20),
        alert_imbalance_percent=read("ALERT_IMBALANCE_PERCENT", whole(0, 100), 5),
        alert_watermark_seconds=read("ALERT_WATERMARK_SECONDS", whole(1, 31_536_000), 3600),
        security_contact=read("SECURITY_CONTACT", url("mailto", "https", "tel"), None),
        security_expires=read("SECURITY_EXPIRES", moment, None),
    )


def _half_configured(given: set[str], needs_key: bool) -> list[str]:
    # Configured servers come as a pair and need their own key: a generated one would be lost with the
    # container.
    wrong = []
    missing = {"DATABASE_URL", "REDIS_URL"} - given
    if len(missing) == 1:
        wrong.append(
            f"{missing.pop()} must be set too: DATABASE_URL and REDIS_URL are set both, or neither (embedded servers)"
        )
    if needs_key and "DATABASE_URL" in given and "SECRET_KEY" not in given:
        wrong.append("SECRET_KEY must be set when DATABASE_URL is: it encrypts platform credentials")
    if "SECURITY_CONTACT" in given and "SECURITY_EXPIRES" not in given:
        wrong.append(
            "SECURITY_EXPIRES must be set when SECURITY_CONTACT is: security.txt names the day until which it holds"
        )
    return wrong

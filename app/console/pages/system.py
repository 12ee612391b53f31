"""Versions, keys and security settings, for operators. The page shows no secrets."""

from __future__ import annotations

import platform
from importlib.metadata import version

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from app.console.sessions import operator_page
from app.http.services import services
from app.settings.environment import Settings
from db.core.migrate import newest_migration
from schemas.base.key_ids import key_id

LIBRARIES = ("flask", "gunicorn", "rq", "psycopg", "cryptography")

Facts = list[tuple[str, str]]


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/system", "system", show_system)


@operator_page
def show_system() -> str:
    settings = services().settings
    return render_template(
        "console/system.html",
        page="system",
        groups={"Versions": _versions(), "Keys": _keys(settings), "Settings": _settings(settings)},
        lacks_email_key=settings.email_hash_key is None,
    )


def _versions() -> Facts:
    with services().pool.connection() as conn:
        number, migration = conn.info.server_version, newest_migration(conn)
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    servers = [("PostgreSQL", f"{number // 10_000}.{number % 10_000}"), ("Redis", _redis_version())]
    return [*servers, ("Tables", migration or "–"), ("Python", platform.python_version()), ("Libraries", libraries)]


def _redis_version() -> str:
    try:
        return str(services().wake_up.redis.info("server")["redis_version"])
    except (RedisError, KeyError):
        return "not reachable"


def _keys(settings: Settings) -> Facts:
    former = ", ".join(map(key_id, settings.secret_key_old)) or "none"
    return [
        ("SECRET_KEY", key_id(settings.secret_key) if settings.secret_key else "not set: credentials cannot be stored"),
        ("SECRET_KEY_OLD", former),
        ("EMAIL_HASH_KEY", key_id(settings.email_hash_key) if settings.email_hash_key else "not set"),
    ]


def _settings(settings: Settings) -> Facts:
    return [
        ("TRUSTED_PROXIES", f"{settings.trusted_proxies}"),
        ("ALLOW_HTTP_SHOPS", "true" if settings.allow_http_shops else "false"),
        ("METRICS_TOKEN", "set" if settings.metrics_token else "not set: only this machine can read /metrics"),
        ("RETENTION_DAYS", f"{settings.retention_days}"),
        ("RATE_LIMIT_PER_MINUTE", f"{settings.rate_limit_per_minute}"),
        ("MAX_BODY_BYTES", f"{settings.max_body_bytes:,}"),
        ("SECURITY_CONTACT", settings.security_contact or "not set: no security.txt"),
    ]

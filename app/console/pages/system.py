"""What runs, on what, and how it is set up, for operators. The page shows no secrets."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from app.console.sessions import operator_page
from app.http.services import services
from app.settings.environment import Settings
from app.settings.values import TrustedProxies
from app.settings.version import VERSION
from db.core.migrate import newest_migration
from db.insight.metrics import LogGroup, Server, measure_logs, measure_marks, measure_server
from schemas.base.key_ids import key_id
from workers.core.presence import Process, read_processes, state_of_workers, workers_alive
from workers.core.queues import QUEUES, queue_lengths

LIBRARIES = ("flask", "gunicorn", "rq", "psycopg", "cryptography")

DISPATCHER_LATE_SECONDS = 10.0  # it ticks once a second

Facts = list[tuple[str, str]]


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/system", "system", show_system)
    blueprint.add_url_rule("/system/live", "system_live", show_live)


@operator_page
def show_system() -> str:
    settings = services().settings
    return render_template(
        "console/system.html",
        page="system",
        **_live(),
        groups={"Versions": _versions(), "Keys": _keys(settings), "Settings": _settings(settings)},
        lacks_email_key=settings.email_hash_key is None,
    )


@operator_page
def show_live() -> str:
    return render_template("console/_system_live.html", **_live())


def _live() -> dict[str, Any]:
    # The part that the page reloads every few seconds.
    redis = services().wake_up.redis
    try:
        processes, waiting = read_processes(redis), queue_lengths(redis)
        memory = int(redis.info("memory")["used_memory"])
    except (RedisError, KeyError):
        processes, waiting, memory = None, None, None
    with services().pool.connection() as conn:
        logs, marks, server = measure_logs(conn), measure_marks(conn), measure_server(conn)
    return {
        "processes": processes,
        "state": "unknown" if processes is None else state_of_workers(processes),
        "queues": _queues(logs, waiting, processes),
        "dispatcher_lag": marks.get("tick", (None, 0.0))[0],
        "late_seconds": DISPATCHER_LATE_SECONDS,
        "stores": _places(server, memory),
    }


@dataclass(frozen=True, slots=True)
class QueueRow:
    """None: not known while Redis is away."""

    name: str
    workers: int | None
    waiting: int | None
    running: int
    oldest_seconds: float


def _queues(
    logs: Sequence[LogGroup], waiting: dict[str, int] | None, processes: Sequence[Process] | None
) -> list[QueueRow]:
    alive = None if processes is None else workers_alive(processes, QUEUES)
    rows = []
    for name in QUEUES:
        running = [one for one in logs if one.queue == name and one.status == "running"]
        rows.append(
            QueueRow(
                name,
                alive[name] if alive else None,
                waiting[name] if waiting else None,
                sum(one.logs for one in running),
                max((one.oldest_seconds for one in running), default=0.0),
            )
        )
    return rows


def _places(server: Server, memory: int | None) -> Facts:
    disk = shutil.disk_usage(services().settings.data_dir)
    return [
        ("PostgreSQL", f"{megabytes(server.bytes)}, {server.connections} of {server.most_connections} connections"),
        ("Redis", "not reachable: batches are accepted and wait" if memory is None else megabytes(memory)),
        ("Disk of DATA_DIR", f"{megabytes(disk.free)} free of {megabytes(disk.total)}"),
        ("Sluice", VERSION),
    ]


def megabytes(count: int) -> str:
    """Bytes in the unit that people read: 12 MB, 3.4 GB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


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


def _proxies(trusted: TrustedProxies) -> str:
    networks = ", ".join(map(str, trusted.networks))
    return networks or (f"{trusted.count} in front" if trusted.count else "none: clients connect directly")


def _settings(settings: Settings) -> Facts:
    return [
        ("TRUSTED_PROXIES", _proxies(settings.trusted_proxies)),
        ("ALLOW_HTTP_SHOPS", "true" if settings.allow_http_shops else "false"),
        ("METRICS_TOKEN", "set" if settings.metrics_token else "not set: only this machine can read /metrics"),
        ("RETENTION_DAYS", f"{settings.retention_days}"),
        ("RATE_LIMIT_PER_MINUTE", f"{settings.rate_limit_per_minute}"),
        ("MAX_BODY_BYTES", f"{settings.max_body_bytes:,}"),
        ("SECURITY_CONTACT", settings.security_contact or "not set: no security.txt"),
    ]

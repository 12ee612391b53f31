"""`worker`: one worker process of one queue."""

from __future__ import annotations

import click
from redis.exceptions import RedisError

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE, FAILED
from app.server.gc_tuning import collect_less_often
from app.settings.environment import Settings
from app.settings.logs import configure_logging, get_logger
from app.stack.embedded.redis import server_warnings
from app.stack.endpoints import resolve, with_keys
from workers.core.queues import INGEST, QUEUES, connect
from workers.processes.worker import run_worker

log = get_logger(__name__)


# Each process command is a module of its own: a worker starts without the modules that the dispatcher needs.
@click.command("worker", cls=Command, changes=None, example="worker push")
@click.argument("queue", type=click.Choice(QUEUES), default=INGEST)
def worker(settings: Settings, queue: str) -> int:
    """Process jobs of one queue until SIGTERM.

    A supervisor restarts it. QUEUE is ingest unless named.
    """
    configure_logging(settings.log_level, settings.log_format)
    collect_less_often()
    endpoints = resolve(settings)
    if not endpoints.redis_url.startswith(
        "unix:"
    ):  # only the account that owns a socket can reach the server behind it
        _warn_about(endpoints.redis_url)
    try:
        run_worker(with_keys(settings, endpoints), endpoints.database_url, endpoints.redis_url, queue)
    except RedisError as error:
        # RQ gives up where Redis is away for too long or full; the supervisor starts a new worker.
        log.error("worker_lost_redis", error=type(error).__name__)
        return FAILED
    return DONE


def _warn_about(redis_url: str) -> None:
    try:
        with connect(redis_url) as client:
            for warning in server_warnings(client):
                log.warning("redis_needs_attention", warning=warning)
    except RedisError as error:  # the worker waits for a server that is away
        log.warning("redis_unavailable", error=type(error).__name__)

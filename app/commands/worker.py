"""`worker`: one worker process of one queue."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import replace

from redis.exceptions import RedisError

from app.server.gc_tuning import collect_less_often
from app.settings.environment import Settings
from app.settings.logs import configure_logging, get_logger
from app.stack.embedded.redis import server_warnings
from app.stack.endpoints import resolve
from workers.core.queues import INGEST, QUEUES, connect
from workers.processes.worker import run_worker

log = get_logger(__name__)


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("worker", help="process logs until SIGTERM; a supervisor restarts it")
    parser.add_argument("queue", nargs="?", choices=QUEUES, default=INGEST, help=f"which queue (default {INGEST})")
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    configure_logging(settings.log_level, settings.log_format)
    collect_less_often()
    endpoints = resolve(settings)
    _warn_about(endpoints.redis_url)
    try:
        run_worker(
            replace(settings, secret_key=endpoints.secret_key), endpoints.database_url, endpoints.redis_url, args.queue
        )
    except RedisError as error:
        # RQ gives up where Redis is away for too long or full; the supervisor starts a new worker.
        log.error("worker_lost_redis", error=type(error).__name__)
        return 1
    return 0


def _warn_about(redis_url: str) -> None:
    """Say what is wrong with a server on the network; one that is away is waited for by the worker itself.

    Behind a Unix socket only local accounts that own it can reach it: the embedded one, for example.
    """
    if redis_url.startswith("unix:"):
        return
    try:
        with connect(redis_url) as client:
            for warning in server_warnings(client):
                log.warning("redis_needs_attention", warning=warning)
    except RedisError as error:
        log.warning("redis_unavailable", error=type(error).__name__)

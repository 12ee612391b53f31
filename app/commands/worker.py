"""`worker`: one worker process of one queue."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.logs import configure_logging
from app.settings import Settings
from app.stack.endpoints import resolve
from workers.queues import INGEST, QUEUES
from workers.worker import run_worker


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("worker", help="process logs until SIGTERM; a supervisor restarts it")
    parser.add_argument("queue", nargs="?", choices=QUEUES, default=INGEST, help=f"which queue (default {INGEST})")
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    configure_logging(settings.log_level, settings.log_format)
    endpoints = resolve(settings)
    run_worker(settings, endpoints.database_url, endpoints.redis_url, args.queue)
    return 0

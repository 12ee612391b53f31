"""gunicorn's settings. It has no time limit on bodies: in production a buffering proxy stands in front of it."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no stubs
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]  # it has no stubs

from app.metrics.processes import empty_folder, forget_process, name_folder
from app.server.gc_tuning import collect_less_often, return_large_memory
from app.settings.environment import Settings, load_settings
from app.settings.logs import configure_logging, get_logger, logging_dict
from app.stack.state import read_running


class _NoAccessLog(Logger):  # type: ignore[misc]  # it has no stubs
    # gunicorn collects fifty facts of every request for its access log; the line `request` takes its place.
    def access(self, *_facts: Any) -> None:
        return


log = get_logger(__name__)
_settings = load_settings(os.environ)
_metrics = name_folder(_settings.data_dir, _settings.port)

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_workers
threads = _settings.web_threads
worker_class = "gthread"
timeout = 60
graceful_timeout = 35  # longer than the longest Prefer: wait
keepalive = 30
preload_app = False  # a connection pool opened before the fork answers one process with another's rows
control_socket_disable = True
logger_class = _NoAccessLog
logconfig_dict = logging_dict(_settings.log_level, _settings.log_format)
wsgi_app = "app.server.wsgi:application"


def on_starting(_server: Any) -> None:
    empty_folder(_metrics)
    configure_logging(_settings.log_level, _settings.log_format)
    if is_production(_settings) and _settings.email_hash_key is None:
        log.warning("email_hash_key_missing")


def is_production(settings: Settings) -> bool:
    running = read_running(settings.data_dir)
    return settings.database_url is not None and not (running is not None and running.embedded)


def child_exit(_server: Any, worker: Worker) -> None:
    forget_process(_metrics, worker.pid)


def post_worker_init(worker: Worker) -> None:
    collect_less_often()
    return_large_memory()

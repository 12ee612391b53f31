"""`dispatcher`: re-enqueues stranded jobs, admits waiting ones, and fails those that are out of attempts."""

from __future__ import annotations

import click

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.commands.terminal.stopping import stop_on_signal
from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack.endpoints import resolve
from workers.processes.dispatcher import run_dispatcher


@click.command("dispatcher", cls=Command, changes=None, needs_key=False)
def dispatcher(settings: Settings) -> int:
    """Re-enqueue stranded jobs once a second until SIGTERM.

    Any number of dispatchers may run.
    """
    configure_logging(settings.log_level, settings.log_format)
    endpoints = resolve(settings)
    run_dispatcher(settings, endpoints.database_url, endpoints.redis_url, stop_on_signal())
    return DONE

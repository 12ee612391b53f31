"""`listener`: receives the ERP's events from Redis and turns them into sync items."""

from __future__ import annotations

import click

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.commands.terminal.stopping import stop_on_signal
from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack.endpoints import resolve
from workers.outbound.intake.listener import run_listener


@click.command("listener", cls=Command, changes=None, needs_key=False)
def listener(settings: Settings) -> int:
    """Receive the ERP's events from Redis until SIGTERM.

    Any number of listeners may run.
    """
    configure_logging(settings.log_level, settings.log_format)
    endpoints = resolve(settings)
    run_listener(settings, endpoints.database_url, endpoints.redis_url, stop_on_signal())
    return DONE

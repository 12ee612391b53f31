"""`up`: all of Sluice in one terminal."""

from __future__ import annotations

from dataclasses import replace

import click

from app.commands.terminal.declaration import Command
from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack import up as stack


@click.command("up", cls=Command, changes=None, example="up --port 8080")
@click.option("--host", help="Address of the API, in place of the setting HOST.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="Port of the API, in place of the setting PORT."
)
def up(settings: Settings, host: str | None, port: int | None) -> int:
    """Run everything in this terminal: servers, API, workers.

    Applies missing migrations first. PostgreSQL and Redis are embedded where no URL is set. Processes that die are restarted.
    Ctrl-C or SIGTERM stops everything.
    """
    configure_logging(settings.log_level, settings.log_format)
    return stack.up(replace(settings, host=host or settings.host, port=port or settings.port))

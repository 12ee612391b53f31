"""`health`: whether the worker, dispatcher or listener of this container is alive, for its health check."""

from __future__ import annotations

import sys

import click

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE, FAILED
from app.settings.environment import Settings
from workers.core.heartbeat import FRESH_SECONDS, is_alive


@click.command("health", cls=Command, changes=None, needs_key=False, example="health worker")
@click.argument("process", type=click.Choice(("worker", "dispatcher", "listener")))
def health(settings: Settings, process: str) -> int:
    """Exit with 0 if the process on DATA_DIR is alive."""
    if is_alive(settings.data_dir, process):
        return DONE
    sys.stderr.write(f"no sign of life from the {process} within {FRESH_SECONDS:.0f} s\n")
    return FAILED

"""`embedded url`: how to reach the embedded servers of a running `up`, for example with psql."""

from __future__ import annotations

import click

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option
from app.commands.terminal.output import tell
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve


@click.group("embedded", cls=Group)
def embedded() -> None:
    """Reach the embedded servers of a running `up`."""


@embedded.command("url", changes=None)
@json_option
def url(settings: Settings, as_json: bool) -> int:
    """Print the servers' URLs, with passwords, as NAME=URL lines."""
    if settings.database_url is not None:
        raise CommandError("DATABASE_URL is set, so there are no embedded servers: unset it to ask for theirs")
    endpoints = resolve(settings)
    urls = {
        "DATABASE_URL": endpoints.database_url,
        "MIGRATION_DATABASE_URL": endpoints.migration_database_url,
        "SUPERUSER_DATABASE_URL": endpoints.superuser_database_url,
        "REDIS_URL": endpoints.redis_url,
    }
    given = {name: url for name, url in urls.items() if url is not None}
    tell(given, "\n".join(f"{name}={url}" for name, url in given.items()), as_json=as_json)
    return DONE

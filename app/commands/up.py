"""`up`: all of Sluice in one terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from os import environ

import click

from app.audit.writing import append
from app.commands.terminal.audit import command_event
from app.commands.terminal.declaration import Command
from app.commands.terminal.program import program
from app.commands.terminal.tokens import creator
from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack import up as stack
from app.stack.checks import web_url
from app.stack.endpoints import Endpoints
from app.usecases.sign_in_links import make_link
from app.usecases.stores import Origin, connected, create_operator
from db.stores.operator_tokens import as_system, list_operator_tokens

FIRST_OPERATOR = "first operator"
FIRST_OPERATOR_DAYS = 90


@click.command("up", cls=Command, changes=None, example="up --port 8080")
@click.option("--host", help="Address of the API, in place of the setting HOST.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="Port of the API, in place of the setting PORT."
)
def up(settings: Settings, host: str | None, port: int | None) -> int:
    """Run everything in this terminal: servers, API, workers.

    Applies missing migrations first. PostgreSQL and Redis are embedded where no URL is set. Processes that die are restarted.
    On a terminal only warnings are logged, unless LOG_LEVEL is set. Ctrl-C or SIGTERM stops everything.
    """
    level = log_level(settings, environ, on_terminal=sys.stderr.isatty())
    chosen = replace(settings, host=host or settings.host, port=port or settings.port, log_level=level)
    configure_logging(chosen.log_level, chosen.log_format)
    return stack.up(chosen, lambda endpoints: banner(chosen, _sign_in(chosen, endpoints)))


def log_level(settings: Settings, given: Mapping[str, str], *, on_terminal: bool) -> str:
    """People at a terminal see warnings; a file or a service manager gets every event."""
    is_set = any(given.get(name, "").strip() for name in ("LOG_LEVEL", "LOG_LEVEL_FILE"))
    return settings.log_level if is_set or not on_terminal else "WARNING"


def banner(settings: Settings, sign_in: str) -> str:
    """Six lines: where everything is, how to stop it, and what to do next."""
    url = web_url(settings.host, settings.port)
    counts = ((settings.workers, "workers"), (settings.pull_workers, "pullers"), (settings.push_workers, "pushers"))
    processes = ", ".join(f"{count} {name}" for count, name in counts)
    return (
        f"Sluice is ready at {url}   Ctrl-C stops it\n"
        f"  console    {sign_in}\n"
        f"  API        {url}/docs\n"
        f"  data       {settings.data_dir.absolute()}\n"
        f"  processes  API, {processes}, dispatcher, listener\n"
        f'  next       {program()} stores create --name "My shop" --platform woocommerce\n'
    )


def _sign_in(settings: Settings, endpoints: Endpoints) -> str:
    """The console's address; on a terminal, while there is no operator, a one-use link for the first."""
    url = web_url(settings.host, settings.port)
    # A log file keeps what it is given: no link is written to one.
    if sys.stdout.isatty() and endpoints.migration_database_url is not None:
        origin = Origin(creator(), FIRST_OPERATOR, timedelta(days=FIRST_OPERATOR_DAYS))
        token = _first_operator(endpoints.migration_database_url, origin)
        if token is not None:
            with connected(endpoints.database_url) as conn:
                return f"{make_link(conn, url, token)}  (signs you in once, within an hour)"
    return f"{url}/console  (`{program()} operators sign-in` prints a link)"


def _first_operator(owner_url: str, origin: Origin) -> str | None:
    """A new operator's token; None if there is one."""
    with connected(owner_url, "MIGRATION_DATABASE_URL") as owner:
        with as_system(owner):
            if any(token.is_live for token in list_operator_tokens(owner)):
                return None
        token = create_operator(owner, origin)
        append(owner, command_event("operator.create"))
    return token

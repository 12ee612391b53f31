"""`embedded url`: how to reach the embedded servers of a running `up`, e.g. with psql."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import Endpoints, resolve


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("embedded", help="about the embedded servers of a running `up`")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    url = actions.add_parser("url", help="print their URLs, one NAME=URL a line; they contain passwords")
    url.set_defaults(run=run_url)


def run_url(_args: Namespace, settings: Settings) -> int:
    if settings.database_url is not None:
        raise CommandError("DATABASE_URL is set, so there are no embedded servers: unset it to ask for theirs")
    sys.stdout.write(lines_of(resolve(settings)))
    return 0


def lines_of(endpoints: Endpoints) -> str:
    urls = {
        "DATABASE_URL": endpoints.database_url,
        "MIGRATION_DATABASE_URL": endpoints.migration_database_url,
        "SUPERUSER_DATABASE_URL": endpoints.superuser_database_url,
        "REDIS_URL": endpoints.redis_url,
    }
    return "".join(f"{name}={url}\n" for name, url in urls.items() if url is not None)

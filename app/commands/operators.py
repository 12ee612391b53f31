"""`operators`: tokens for those who run the installation; they belong to no store."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.commands.terminal.exits import EXIT_CODES
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.usecases.stores import connected, create_operator


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("operators", help="create an operator's token", epilog=EXIT_CODES)
    create = parser.add_subparsers(metavar="action", required=True).add_parser("create", help="prints the token, once")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        token = create_operator(conn)
    sys.stdout.write((json.dumps({"token": token}) if args.json else f"token  {token}   (shown this once)") + "\n")
    return 0

"""The command line: `python -m app <command>`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module

from app.settings import SettingsError, load_settings
from app.stack.errors import StackError

COMMANDS = (
    "up",
    "demo",
    "migrate",
    "stores",
    "operators",
    "jobs",
    "schedules",
    "erp",
    "woo",
    "worker",
    "dispatcher",
    "listener",
    "health",
    "embedded",
    "dashboard",
)


def build_parser(names: Sequence[str] = COMMANDS) -> ArgumentParser:
    """One subcommand a module of app/commands; only those named are loaded, as a worker needs none of the others' imports."""
    parser = ArgumentParser(prog="python -m app", description="Sluice takes commerce data in, and loses none of it.")
    commands = parser.add_subparsers(metavar="command", required=True)
    for name in names:
        import_module(f"app.commands.{name}").add_parser(commands)
    return parser


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 done, 1 could not be done (one line on standard error says why), 2 called wrongly."""
    known = argv[:1] if argv[:1] and argv[0] in COMMANDS else COMMANDS
    args = build_parser(known).parse_args(argv)
    try:
        code: int = args.run(args, load_settings(os.environ))
    except (SettingsError, StackError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line: `python -m app <command>`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from app.commands import (
    demo,
    dispatcher,
    embedded,
    erp,
    health,
    jobs,
    listener,
    migrate,
    operators,
    schedules,
    stores,
    up,
    woo,
    worker,
)
from app.settings import SettingsError, load_settings
from app.stack.errors import StackError

COMMANDS = (
    up,
    demo,
    migrate,
    stores,
    operators,
    jobs,
    schedules,
    erp,
    woo,
    worker,
    dispatcher,
    listener,
    health,
    embedded,
)


def build_parser() -> ArgumentParser:
    """One subcommand a module of app/commands."""
    parser = ArgumentParser(prog="python -m app", description="Sluice takes commerce data in, and loses none of it.")
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 done, 1 could not be done (one line on standard error says why), 2 called wrongly."""
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args, load_settings(os.environ))
    except (SettingsError, StackError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What commands with several actions share: how an action is added, and how it tells what it did."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from typing import Any

from app.commands.terminal.exits import EXIT_CODES
from app.commands.terminal.output import write_json
from app.settings.environment import Settings


def add_action(
    actions: _SubParsersAction[ArgumentParser], name: str, run: Callable[[Namespace, Settings], int], about: str
) -> ArgumentParser:
    """An action with `--json`."""
    parser = actions.add_parser(name, help=about, description=about, epilog=EXIT_CODES)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)
    return parser


def tell(data: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        write_json(data)
    else:
        sys.stdout.write(words + "\n")

"""The command line: `python -m app <command>`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module

from app.commands.terminal.audit import run_recorded
from app.commands.terminal.exits import EXIT_CODES, FAILED, INTERRUPTED
from app.settings.environment import SettingsError, load_settings
from app.stack.command_errors import CommandError

COMMANDS = (
    "up",
    "demo",
    "migrate",
    "backup",
    "restore",
    "keys",
    "stores",
    "tokens",
    "operators",
    "audit",
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

KEYLESS = ("dispatcher", "listener", "health", "erp", "backup", "restore")  # these never see a shop's credentials


def build_parser(names: Sequence[str] = COMMANDS) -> ArgumentParser:
    """One subcommand a module of app/commands; only those named are loaded, as a worker needs none of the others' imports."""
    about = "Sluice takes commerce data in, and loses none of it."
    parser = ArgumentParser(prog="python -m app", description=about, epilog=EXIT_CODES)
    commands = parser.add_subparsers(metavar="command", required=True)
    for name in names:
        import_module(f"app.commands.{name}").add_parser(commands)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run a command; the exit codes are those of app/commands/terminal/exits.py, and an error is one line on standard error."""
    known = argv[:1] if argv[:1] and argv[0] in COMMANDS else COMMANDS
    args = build_parser(known).parse_args(argv)
    try:
        code = run_recorded(argv, args, load_settings(os.environ, needs_key=known[0] not in KEYLESS))
    except SettingsError as error:
        return _refuse(str(error), FAILED)
    except CommandError as error:
        return _refuse(str(error), error.exit_code)
    except UnicodeEncodeError:
        return _refuse("an argument is no valid UTF-8 text", FAILED)
    except BrokenPipeError:  # `… | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line: `python -m app COMMAND`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

try:
    import click
except ModuleNotFoundError:
    sys.exit("Sluice is not set up here: run `make setup`, then `.venv/bin/python -m app`")

from app.commands.terminal.exits import EXIT_CODES, FAILED, INTERRUPTED
from app.commands.terminal.program import GENERIC, pasteable
from app.settings.environment import SettingsError
from app.settings.version import VERSION
from app.stack.command_errors import CommandError

# Shells complete the name of a program, so completion needs one word: docs/operations.md makes it a script of this name.
SCRIPT, COMPLETE_VARIABLE = "sluice", "_SLUICE_COMPLETE"

SECTIONS = {
    "Run Sluice": ("up", "demo", "worker", "dispatcher", "listener", "health", "embedded", "dashboard"),
    "Stores and access": ("stores", "tokens", "operators", "audit"),
    "Sync": ("jobs", "schedules", "erp", "woo"),
    "Database and keys": ("migrate", "backup", "restore", "keys"),
}
MODULES = {"restore": "backup"}  # any other command is in the module of its name


HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class LazyGroup(click.Group):
    """Imports a command when it is asked for: a worker loads none of the others' modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        names = self.list_commands(ctx)
        if cmd_name not in names:
            if ctx.resilient_parsing:  # a shell completes what follows an unknown word: no error
                return None
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=names, ctx=ctx)
        command = getattr(import_module(f"app.commands.{MODULES.get(cmd_name, cmd_name)}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(len(name) for name in self.list_commands(ctx))
        for title, names in SECTIONS.items():
            found = {name: self.get_command(ctx, name) for name in names}
            with formatter.section(title):
                rows = [(name.ljust(widest), each.get_short_help_str(100)) for name, each in found.items() if each]
                formatter.write_dl(rows)


@click.command(cls=LazyGroup, epilog=EXIT_CODES, context_settings=HELP)
@click.version_option(VERSION, message="Sluice %(version)s")
def cli() -> None:
    """Sluice takes commerce data in, and loses none of it.

    `COMMAND --help` describes a command and its actions.
    """


def main(argv: Sequence[str]) -> int:
    """Run a command; returns one of the codes in app/commands/terminal/exits.py. An error is one line on standard error."""
    name = SCRIPT if COMPLETE_VARIABLE in os.environ else GENERIC
    try:
        code = cli.main(list(argv), prog_name=name, complete_var=COMPLETE_VARIABLE, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        return _refuse(error.format_message(), error.exit_code)
    except click.ClickException as error:
        return _refuse(_usage_error(error), error.exit_code)
    except click.Abort:
        return INTERRUPTED
    except SettingsError as error:
        return _refuse(str(error), FAILED)
    except CommandError as error:
        return _refuse(str(error), error.exit_code)
    except UnicodeEncodeError:
        return _refuse("an argument is no valid UTF-8 text", FAILED)
    return int(code)


def _usage_error(error: click.ClickException) -> str:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    message = " ".join(error.format_message().split())  # click writes a choice's values on lines of their own
    return f"error: {message} Try `{ctx.command_path if ctx else GENERIC} --help`."


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"{pasteable(message)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

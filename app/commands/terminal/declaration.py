"""The classes that commands are made of: what each changes, whether it needs SECRET_KEY, and how it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
from click.core import ParameterSource

from app.commands.terminal.audit import run_recorded
from app.commands.terminal.exits import EXIT_CODES
from app.settings.environment import Settings, load_settings


class Reference(click.ParamType[UUID | str]):
    """A thing that people name in several ways. An id is passed on; other names are looked up before the command runs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID | str:
        try:
            return value if isinstance(value, UUID) else UUID(value)
        except ValueError:
            return str(value)

    def find(self, settings: Settings, given: Any) -> UUID | None:
        """The id of what is named. Raises NotFound, and CommandError for a name that several have."""
        raise NotImplementedError


class Command(click.Command):
    """A command that declares what it does to the installation. Without `changes` it can't be made.

    The callback gets the settings, then its parameters by name, and returns an exit code.
    """

    def __init__(
        self,
        *args: Any,
        changes: str | None,
        needs_key: bool = True,
        exclusive: Sequence[str] = (),
        example: str | None = None,
        **attributes: Any,
    ) -> None:
        """`changes` names the action in the audit trail, None if the command changes nothing. `needs_key` is false for commands
        that never read a shop's credentials. Of the `exclusive` options exactly one has a value.
        """
        super().__init__(*args, **attributes)
        self.epilog = EXIT_CODES
        self.changes = changes
        self.needs_key = needs_key
        self.exclusive = exclusive
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if self.exclusive and not ctx.resilient_parsing:
            self._check_exclusive(ctx)
        return rest

    def _check_exclusive(self, ctx: click.Context) -> None:
        flags = [f"--{name}" for name in self.exclusive]
        given = [name for name in self.exclusive if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if len(given) > 1:
            ctx.fail(f"{' and '.join(flags)} can't be used together.")
        if not any(ctx.params[name] for name in self.exclusive):
            ctx.fail(f"One of {' and '.join(flags)} is required.")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                formatter.write_text(f"{ctx.find_root().command_path} {self.example}")
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> int:
        callback = self.callback
        assert callback is not None
        settings = load_settings(os.environ, needs_key=self.needs_key)
        params = ctx.params | {
            param.name: param.type.find(settings, ctx.params[param.name])
            for param in self.params
            if isinstance(param.type, Reference) and param.name is not None
        }
        return run_recorded(self.changes, params, settings, lambda: int(callback(settings, **params)))


class Group(click.Group):
    """A command with actions, each a Command."""

    command_class = Command

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.epilog = EXIT_CODES
        self.no_args_is_help = False  # a missing action is an error of one line, not a page of help

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as defined: create before delete

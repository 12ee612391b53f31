"""Every command of `python -m app`, without running it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from app.__main__ import cli
from app.commands.terminal.declaration import Command


def all_commands() -> dict[str, Command]:
    """Each command by its words, such as `stores create`."""
    return dict(_leaves(cli, ()))


def _leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    if not isinstance(command, click.Group):
        assert isinstance(command, Command)
        yield " ".join(words), command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        found = command.get_command(ctx, name)
        assert found is not None
        yield from _leaves(found, (*words, name))


def parse(words: Sequence[str]) -> click.Context:
    """The context of the command that the words name, with its parameters. Raises click.UsageError."""
    ctx = cli.make_context("app", list(words))
    while isinstance(ctx.command, click.Group):
        name, command, rest = ctx.command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        assert command is not None
        ctx = command.make_context(name, rest, parent=ctx)
    return ctx

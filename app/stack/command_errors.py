"""Errors of servers, supervisor and commands, each told in one line. `exit_code` is one of app/commands/terminal/exits.py."""

from __future__ import annotations


class CommandError(RuntimeError):
    """A server can't start, or a command can't be done. The message is one line: what is wrong, and what to do."""

    exit_code = 1


class NotFound(CommandError):
    """The named thing does not exist."""

    exit_code = 3


class Away(CommandError):
    """A server can't be reached."""

    exit_code = 4


class NotRunning(Away):
    """No Sluice runs on this DATA_DIR."""

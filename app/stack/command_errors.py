"""What goes wrong with servers, supervisor and commands, each told to people in one line; `exit_code` as the exit codes say
has it."""

from __future__ import annotations


class CommandError(RuntimeError):
    """A server can't be started, or a command can't be done. The message is one line: what is wrong, and what to do."""

    exit_code = 1


class NotFound(CommandError):
    """What was named does not exist."""

    exit_code = 3


class Away(CommandError):
    """A server can't be reached."""

    exit_code = 4


class NotRunning(Away):
    """Nothing runs on this DATA_DIR."""

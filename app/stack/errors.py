"""What goes wrong with servers and supervisor, each told to people in one line."""

from __future__ import annotations


class StackError(RuntimeError):
    """A server can't be started or reached. The message is one line: what is wrong, and what to do."""


class NotRunning(StackError):
    """Nothing runs on this DATA_DIR."""

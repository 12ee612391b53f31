"""What ends the demo early, told in one line."""

from __future__ import annotations


class DemoError(RuntimeError):
    """The demo can't go on. The message is one line: what is wrong, and where there is a choice, what to do."""

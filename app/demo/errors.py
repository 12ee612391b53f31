"""The error that ends the demo."""

from __future__ import annotations


class DemoError(RuntimeError):
    """The demo cannot continue. The message is one line that says what is wrong and what to do."""

"""Stops a long-running process on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading


def stop_on_signal() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop

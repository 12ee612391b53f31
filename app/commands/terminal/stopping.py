"""How a process that runs until it is told to stop is told: SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading


def stop_on_signal() -> threading.Event:
    """Set by the first SIGTERM or SIGINT from now on. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop

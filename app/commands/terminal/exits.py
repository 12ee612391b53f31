"""The exit codes of all commands; every help text lists them."""

from __future__ import annotations

DONE = 0
FAILED = 1
WRONG_USE = 2  # click's own
NOT_FOUND = 3
AWAY = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

EXIT_CODES = (
    "Exit codes: 0 done, 1 refused or failed, 2 invalid arguments, 3 no such store or job, 4 server unreachable, "
    "130 interrupted. An error is one line on standard error."
)

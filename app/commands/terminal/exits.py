"""What the exit codes of all commands mean; said in `--help`, and held everywhere."""

from __future__ import annotations

DONE = 0
FAILED = 1
WRONG_USE = 2  # argparse's own
NOT_FOUND = 3
AWAY = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

EXIT_CODES = (
    "exit codes: 0 done · 1 refused, or it failed · 2 called wrongly · 3 there is no such store or job · "
    "4 a server can't be reached, now or yet · 130 interrupted. Errors are one line on standard error."
)

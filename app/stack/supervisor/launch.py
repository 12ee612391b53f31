"""Run as a script between a parent and its child: become the account, ask to die with the parent, become the program.

A `preexec_fn` would do the same, but runs Python between fork and exec, which may deadlock where the parent has threads
and draws a warning from Python 3.12 on. Uses the standard library alone, as it is started without site-packages.

    launch.py PARENT_PID SIGNAL UID:GID|- PROGRAM [ARGUMENT ...]
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CANNOT_EXECUTE = 127


def become(account: str) -> None:
    if account != "-":
        uid, gid = (int(number) for number in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def die_with(parent: int, number: int) -> None:
    """On Linux the kernel sends the signal once the parent's thread that started us is gone. A change of account
    clears it, an exec does not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        sys.exit(1)


def main(arguments: list[str]) -> None:
    parent, number, account, *program = arguments
    become(account)
    die_with(int(parent), int(number))
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"Error: {program[0]} cannot be executed: {error.strerror}\n")
        sys.exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])

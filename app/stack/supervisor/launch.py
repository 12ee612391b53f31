"""Runs between a parent and its child: changes the account, asks to die with the parent, and becomes the program.

A `preexec_fn` would run Python between fork and exec, which may deadlock if the parent has threads, and warns from
Python 3.12 on. Imports the standard library only, since it runs without site-packages.

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
    # On Linux the kernel sends the signal when the parent's thread that started us ends. A change of account
    # clears this request, exec does not.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the call above
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

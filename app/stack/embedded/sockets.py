"""Where Unix sockets live: beside the data, or in a short private directory where their path does not suit."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from app.stack.supervisor.child import Account

LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS, 108 on Linux, the closing NUL included
SHORT_PARENT = "/tmp"  # noqa: S108 - mkdtemp makes the private directory in it; $TMPDIR may be as long as the data's path


def socket_dir(wanted: Path, socket_name: str, account: Account | None) -> Path:
    """A private directory that `account` owns, whose path suits a socket of this name.

    It is `wanted` itself, or one under /tmp to which `wanted` is a symbolic link, so that other processes find it.
    """
    if fits(wanted / socket_name):
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        return own(wanted, account)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if wanted.is_symlink():
        target = wanted.readlink()
        if is_private(target, account):
            return target
        wanted.unlink()
    target = own(Path(tempfile.mkdtemp(prefix="sluice-", dir=SHORT_PARENT)), account)
    wanted.symlink_to(target)
    return target


def fits(path: Path) -> bool:
    """libpq takes a host with a comma for a list of hosts."""
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in str(path)


def own(path: Path, account: Account | None) -> Path:
    """Make the directory private to the account (None: to ourselves)."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
    return path


def is_private(path: Path, account: Account | None) -> bool:
    """Whether nobody else could have put it there: under /tmp anyone may create the name that we remember."""
    try:
        found = path.lstat()
    except OSError:
        return False
    owner = account.uid if account is not None else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def current_socket_dir(wanted: Path) -> Path:
    """Where the sockets of a running server are."""
    return wanted.readlink() if wanted.is_symlink() else wanted


def forget_short_dir(wanted: Path) -> None:
    """Remove the directory under /tmp, if there is one."""
    if wanted.is_symlink():
        shutil.rmtree(wanted.readlink(), ignore_errors=True)
        wanted.unlink()

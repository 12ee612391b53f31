"""Where Unix sockets are: beside the data, or in a short private directory if that path does not suit."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from app.stack.supervisor.child import Account

LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with the closing NUL
SHORT_PARENT = "/tmp"  # noqa: S108 - mkdtemp makes the private directory in it; $TMPDIR may be as long as the data's path


def socket_dir(wanted: Path, socket_name: str, account: Account | None) -> Path:
    """A private directory of `account` whose path suits a socket of this name.

    It is `wanted`, or a directory under /tmp that `wanted` links to, so that other processes find it.
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
    # libpq reads a host with a comma as a list of hosts.
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in str(path)


def own(path: Path, account: Account | None, mode: int = 0o700) -> Path:
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)
    return path


def is_private(path: Path, account: Account | None) -> bool:
    # Under /tmp any account may create the directory whose name we remember.
    try:
        found = path.lstat()
    except OSError:
        return False
    owner = account.uid if account is not None else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def current_socket_dir(wanted: Path) -> Path:
    return wanted.readlink() if wanted.is_symlink() else wanted


def forget_short_dir(wanted: Path) -> None:
    if wanted.is_symlink():
        shutil.rmtree(wanted.readlink(), ignore_errors=True)
        wanted.unlink()

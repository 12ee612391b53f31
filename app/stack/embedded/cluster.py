"""Makes the embedded PostgreSQL's cluster, complete or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from app.settings.logs import get_logger
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres_install import Home
from app.stack.embedded.secrets import Secrets
from app.stack.embedded.sockets import own
from app.stack.supervisor.child import Account, Child, ChildSpec, bare_environment

log = get_logger(__name__)

SUPERUSER = "postgres"
INITDB_SECONDS = 120.0


def make_cluster(home: Home, secrets: Secrets, log_file: Path) -> None:
    """Run initdb beside the final place and rename, so that a cluster is there complete or not at all."""
    for unfinished in home.directory.glob("new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    new = own(Path(tempfile.mkdtemp(prefix="new-", dir=home.directory)), home.account)
    password = new / "password"
    password.write_text(secrets.superuser_password, encoding="ascii")
    _give(password, home.account)
    initdb = Child(_initdb(home, new, log_file))
    initdb.start()
    _finish(initdb)
    (new / "data").rename(home.directory / "data")
    shutil.rmtree(new)
    _sync(home.directory)
    log.info("postgres_cluster_made", path=str(home.directory))


def _initdb(home: Home, new: Path, log_file: Path) -> ChildSpec:
    words = ["-D", str(new / "data"), "-U", SUPERUSER, "--pwfile", str(new / "password"), "--no-instructions"]
    words += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    return ChildSpec(
        name="initdb",
        argv=(str(home.programs / "initdb"), *words),
        env=bare_environment(),
        stop_signal=signal.SIGKILL,
        account=home.account,
        log=log_file,
        cwd=Path("/"),
    )


def _finish(initdb: Child) -> None:
    deadline = time.monotonic() + INITDB_SECONDS
    while (code := initdb.exit_code()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if code is None:
        initdb.stop()
    if code != 0:
        raise CommandError(f"PostgreSQL could not be set up: {initdb.said()}")


def _give(path: Path, account: Account | None) -> None:
    path.chmod(0o600)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

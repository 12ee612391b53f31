"""Creates the embedded PostgreSQL's cluster."""

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
from app.stack.supervisor.child import Child, ChildSpec, bare_environment

log = get_logger(__name__)

SUPERUSER = "postgres"
INITDB_SECONDS = 120.0


def make_cluster(home: Home, secrets: Secrets, log_file: Path) -> None:
    """Run initdb in a directory beside the final one and rename it: the cluster is complete, or does not exist."""
    for unfinished in home.directory.glob("new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    new = own(Path(tempfile.mkdtemp(prefix="new-", dir=home.directory)), home.account)
    password = new / "password"
    password.write_text(secrets.superuser_password, encoding="ascii")
    own(password, home.account, 0o600)
    initdb = Child(_initdb(home, new, log_file))
    initdb.start()
    _finish(initdb)
    (new / "data").rename(home.directory / "data")
    shutil.rmtree(new)
    descriptor = os.open(home.directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
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

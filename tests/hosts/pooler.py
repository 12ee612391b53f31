"""PgBouncer in transaction mode before an embedded PostgreSQL, as Debian packages it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.support.stack import free_port
from tests.support.waiting import wait_until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
SERVER_CONNECTIONS = 4


@dataclass(frozen=True)
class Pooler:
    """`url` leads the application's role through the pooler; `console` is its own database of figures."""

    url: str
    console: str

    def show(self, what: str) -> list[dict[str, object]]:
        with psycopg.connect(self.console, autocommit=True, prepare_threshold=None) as conn:
            cursor = psycopg.ClientCursor(conn)
            cursor.execute(f"SHOW {what}".encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def pooler(database_url: str) -> Iterator[Pooler]:
    """PgBouncer with SERVER_CONNECTIONS connections to the database, on loopback."""
    parts = conninfo_to_dict(database_url)
    port = free_port()
    login = f"{parts['user']}:{parts['password']}@127.0.0.1:{port}"
    made = Pooler(f"postgresql://{login}/{parts['dbname']}", f"postgresql://{login}/pgbouncer")
    with _folder(Path(str(parts["host"]))) as folder:
        users = folder / "users.txt"
        users.write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
        (folder / "pgbouncer.ini").write_text(_settings(parts, port, users))
        with _running(folder) as process:
            try:
                wait_until(lambda: process.poll() is not None or _answers(made.url), 15.0, "PgBouncer to answer")
                assert process.poll() is None, "PgBouncer ended by itself"
            except AssertionError as failed:
                failed.add_note((folder / "log").read_text()[-2000:])
                raise
            yield made


@contextmanager
def _folder(socket: Path) -> Iterator[Path]:
    """A folder of the account that owns the server's socket: PgBouncer runs as it, where we are root.

    Not one of pytest's: each of its sessions closes the folder above all of them to other accounts again.
    """
    with TemporaryDirectory(prefix="sl", dir="/tmp") as name:
        if os.geteuid() == 0:
            shutil.chown(name, _owner(socket))
        yield Path(name)


def _owner(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name


@contextmanager
def _running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process by that folder's `pgbouncer.ini`, which says in `log` what it has to say."""
    assert PROGRAM is not None
    as_owner = ["-u", _owner(folder)] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, *as_owner, str(folder / "pgbouncer.ini")], stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


def _settings(parts: Mapping[str, object], port: int, users: Path) -> str:
    return f"""[databases]
{parts["dbname"]} = host={parts["host"]} port={parts["port"]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
stats_users = {parts["user"]}
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_client_conn = 200
"""


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as conn:
            return conn.execute(b"SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False

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

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.stack import free_port
from tests.waiting import wait_until

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
def pooler(folder: Path, database_url: str) -> Iterator[Pooler]:
    """PgBouncer with SERVER_CONNECTIONS connections to the database, on loopback."""
    assert PROGRAM is not None
    parts = conninfo_to_dict(database_url)
    port = free_port()
    owner = pwd.getpwuid(Path(str(parts["host"])).stat().st_uid).pw_name  # who may reach the server's socket
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
    settings.write_text(_settings(parts, port, users, folder))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, owner)
    as_owner = ["-u", owner] if os.geteuid() == 0 else []
    process = subprocess.Popen([PROGRAM, "-q", *as_owner, str(settings)], stderr=subprocess.DEVNULL)
    login = f"{parts['user']}:{parts['password']}@127.0.0.1:{port}"
    made = Pooler(f"postgresql://{login}/{parts['dbname']}", f"postgresql://{login}/pgbouncer")
    try:
        wait_until(lambda: _answers(made.url), 15.0, "PgBouncer to answer")
        yield made
    finally:
        process.terminate()
        process.wait(15)


def _settings(parts: Mapping[str, object], port: int, users: Path, folder: Path) -> str:
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
logfile = {folder}/pgbouncer.log
"""


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as conn:
            return conn.execute(b"SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False

"""The embedded PostgreSQL: a cluster under DATA_DIR that serves a Unix socket only, as a child of this process."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psycopg

from app.stack.command_errors import CommandError
from app.stack.embedded.cluster import SUPERUSER, make_cluster
from app.stack.embedded.leftover import stop_leftover
from app.stack.embedded.postgres_install import Home, away, current_directory, find_home
from app.stack.embedded.secrets import Secrets, make_secrets, read_secrets
from app.stack.embedded.sockets import current_socket_dir, forget_short_dir, socket_dir
from app.stack.supervisor.child import Child, ChildSpec, bare_environment, wait_ready
from db.core.installation import APP, OWNER, create_database, create_roles, own_schema, ping

DATABASE = "sluice"
PORT = 5432  # only names the socket file
SOCKET = f".s.PGSQL.{PORT}.lock"  # the longest name beside the socket
READY_SECONDS = 60.0  # includes recovery after a crash

SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement, its parameters and the DETAIL of an error may carry a customer's data.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgres:
    """One cluster. Call `start()` from a thread that lives as long as the process (see `launch.py`)."""

    name = "postgres"

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._secrets: Secrets | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Create the cluster if there is none, start the server, wait until it answers, create roles and database.

        Raises CommandError. A first start that was killed is repeated.
        """
        (self.root / "logs").mkdir(parents=True, exist_ok=True)
        home = find_home(self.root)
        self._secrets = _secrets_for(self.root, home)
        if not (home.directory / "data").exists():
            make_cluster(home, self._secrets, self.root / "logs" / "postgres.log")
        stop_leftover(home.directory / "data")
        sockets = socket_dir(home.directory / "run", SOCKET, home.account)
        self._child = Child(_server(home, sockets, self.root / "logs" / "postgres.log"))
        self._child.start()
        wait_ready(self._child, self._answers, READY_SECONDS)
        try:
            self._prepare(self._secrets)
        except psycopg.Error as error:
            self._child.stop()
            raise CommandError(f"PostgreSQL ended while it was prepared: {self._child.said()}") from error

    def exit_code(self) -> int | None:
        return self._child.exit_code() if self._child is not None else None

    def ask_to_stop(self) -> None:
        # A fast shutdown: open transactions are rolled back.
        if self._child is not None:
            self._child.ask_to_stop()

    def wait_stopped(self) -> None:
        if self._child is not None:
            self._child.wait_stopped()
        forget_short_dir(_sockets(self.root))

    def stop(self) -> None:
        self.ask_to_stop()
        self.wait_stopped()

    def erase(self) -> None:
        """Delete a stopped cluster, including what is kept outside DATA_DIR. For tests."""
        forget_short_dir(_sockets(self.root))
        shutil.rmtree(away(self.root), ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def app_url(self, db: str = DATABASE) -> str:
        return self._url(APP, self._known().app_password, db)

    def owner_url(self, db: str = DATABASE) -> str:
        return self._url(OWNER, self._known().owner_password, db)

    def superuser_url(self, db: str = "postgres") -> str:
        return self._url(SUPERUSER, self._known().superuser_password, db)

    def _known(self) -> Secrets:
        self._secrets = self._secrets or read_secrets(self.root)
        if self._secrets is None:
            raise CommandError(f"there is no embedded PostgreSQL under {self.root} yet: start it with `make run`")
        return self._secrets

    def _url(self, user: str, password: str, db: str) -> str:
        host = quote(str(current_socket_dir(_sockets(self.root))), safe="/")
        return f"postgresql://{user}:{password}@/{quote(db, safe='')}?host={host}&port={PORT}"

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.superuser_url(), autocommit=True, connect_timeout=5) as conn:
                ping(conn)
        except psycopg.OperationalError:
            return False
        return True

    def _prepare(self, secrets: Secrets) -> None:
        with psycopg.connect(self.superuser_url(), autocommit=True, connect_timeout=5) as conn:
            create_roles(conn, secrets.owner_password, secrets.app_password)
            create_database(conn, DATABASE)
        with psycopg.connect(self.superuser_url(DATABASE), autocommit=True, connect_timeout=5) as conn:
            own_schema(conn)


def _sockets(root: Path) -> Path:
    return current_directory(root) / "run"


def _secrets_for(root: Path, home: Home) -> Secrets:
    kept = read_secrets(root)
    if kept is None and (home.directory / "data").exists():
        raise CommandError(
            f"{root}/secrets.json is missing and with it the database's passwords: restore it, or delete {root}"
        )
    return kept or make_secrets(root)


def _server(home: Home, sockets: Path, log_file: Path) -> ChildSpec:
    # The setting is a list: a path with commas or spaces has to be quoted.
    quoted = '"' + str(sockets).replace('"', '""') + '"'
    settings = {**SERVER_SETTINGS, "unix_socket_directories": quoted}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return ChildSpec(
        name="postgres",
        argv=(str(home.programs / "postgres"), "-D", str(home.directory / "data"), *options),
        env=bare_environment(),
        stop_signal=signal.SIGINT,
        stop_timeout=30.0,
        harder_signal=signal.SIGQUIT,
        account=home.account,
        log=log_file,
        cwd=Path("/"),
    )

"""Runs all of Sluice in one terminal: embedded servers, migrations, API, workers and dispatcher."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import psycopg

from app.settings.environment import Settings
from app.settings.logs import get_logger
from app.stack.checks import check_database, check_port, check_redis, first_line, is_healthy, web_url
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from app.stack.endpoints import Endpoints, of_configured, of_embedded
from app.stack.state import Running, UpLock, clear_running, read_running, write_running
from app.stack.supervisor.processes import Child, ChildSpec, Supervisor
from db.core.migrate import migrate, pending
from workers.core.queues import PUSH

log = get_logger(__name__)

SECRET_KEYS = ("SECRET_KEY", "SECRET_KEY_OLD")
NOT_FOR_CHILDREN = ("MIGRATION_DATABASE_URL", "BACKUP_DATABASE_URL", "RESTORE_DATABASE_URL")

PREDECESSOR_SECONDS = 30.0  # time for the processes of a killed `up` to finish and free the port


class StopRequest:
    """Set by a signal, read by the supervisor's loop. A second signal changes nothing: work in progress is finished."""

    def __init__(self) -> None:
        self.made = False

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._make)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it, to outlive the terminal
            signal.signal(signal.SIGHUP, self._make)

    def _make(self, _number: int, _frame: FrameType | None) -> None:
        self.made = True


def up(settings: Settings, banner: Callable[[Endpoints], str]) -> int:
    """Run until SIGINT or SIGTERM; `banner` is printed once it serves. Returns the exit code.

    Raises CommandError if it can't start.
    """
    root = settings.data_dir
    lock = _lock(root)
    try:
        killed = read_running(root) is not None
        clear_running(root)
        check_port(settings.host, settings.port, PREDECESSOR_SECONDS if killed else 0.0)
        return _Up(settings, banner).run()
    finally:
        lock.release()


def _lock(root: Path) -> UpLock:
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = UpLock(root)
        taken = lock.take()
    except OSError as error:
        raise CommandError(f"DATA_DIR {root} cannot be used ({error.strerror}): set DATA_DIR to another") from error
    if not taken:
        running = read_running(root)
        who = f"process {running.pid} at {running.url}" if running else "it is just starting"
        raise CommandError(f"Sluice already runs on DATA_DIR {root} ({who}): stop it first, or set another DATA_DIR")
    return lock


class _Up:
    def __init__(self, settings: Settings, banner: Callable[[Endpoints], str]) -> None:
        self._settings = settings
        self._banner = banner
        self._endpoints: Endpoints | None = None
        self._stop = StopRequest()
        self._supervisor = Supervisor(owns_process=True)
        self._ready = False

    def run(self) -> int:
        self._stop.listen()
        self._tell(serving=False)
        try:
            self._start()
            self._supervisor.watch(lambda: self._stop.made, self._announce_when_ready)
            log.info("stopping", reason="work in progress is finished first")
        finally:
            self._supervisor.stop(stop_order(self._settings))
            clear_running(self._settings.data_dir)
        return 0

    def _start(self) -> None:
        endpoints = self._servers()
        if endpoints is None:
            return
        prepare_schema(endpoints)
        self._endpoints = endpoints
        self._tell(serving=True)
        for spec in child_specs(self._settings, endpoints, os.environ):
            if not self._stop.made:
                self._supervisor.start(Child(spec))

    def _servers(self) -> Endpoints | None:
        configured = of_configured(self._settings)
        if configured is not None:
            check_configured(configured)
            return configured
        postgres, redis = EmbeddedPostgres(self._settings.data_dir), EmbeddedRedis(self._settings.data_dir)
        for server in (redis, postgres):
            if self._stop.made:
                return None
            self._supervisor.start(server)
        return of_embedded(self._settings, postgres, redis)

    def _tell(self, serving: bool) -> None:
        settings = self._settings
        running = Running(
            pid=os.getpid(),
            url=web_url(settings.host, settings.port),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            embedded=settings.database_url is None,
            serving=serving,
        )
        write_running(settings.data_dir, running)

    def _announce_when_ready(self) -> None:
        settings = self._settings
        if self._ready or self._endpoints is None or not is_healthy(settings.host, settings.port):
            return
        self._ready = True
        with suppress(BrokenPipeError):  # the reader of the banner may be gone
            sys.stdout.write(self._banner(self._endpoints))
            sys.stdout.flush()


def check_configured(endpoints: Endpoints) -> None:
    check_database("DATABASE_URL", endpoints.database_url)
    for warning in check_redis(endpoints.redis_url):
        log.warning("redis_server", reason=warning)


def prepare_schema(endpoints: Endpoints) -> None:
    """Migrate as the tables' owner; without the owner's URL refuse an older schema. Raises CommandError."""
    try:
        if endpoints.migration_database_url is None:
            refuse_pending(pending(endpoints.database_url))
        else:
            check_database("MIGRATION_DATABASE_URL", endpoints.migration_database_url)
            changes = migrate(endpoints.migration_database_url)
            for name in changes.migrations:
                log.info("migration_applied", migration=name)
            if changes.functions or changes.dropped:
                log.info("functions_applied", applied=len(changes.functions), dropped=len(changes.dropped))
    except psycopg.Error as error:
        log.info("migration_failed", exc_info=True)  # the error itself is told once, by its message
        raise CommandError(f"the database could not be migrated: {first_line(error)}") from error


def refuse_pending(missing: Sequence[str]) -> None:
    if missing:
        raise CommandError(
            f"the database lacks {len(missing)} migrations and functions (first: {missing[0]}): "
            "set MIGRATION_DATABASE_URL to the owner's URL, or run `python -m app migrate` with it"
        )


def child_specs(settings: Settings, endpoints: Endpoints, environ: Mapping[str, str]) -> list[ChildSpec]:
    """The API, the workers and the dispatcher, in the order of their start."""
    env = child_environment(endpoints, environ) | {"LOG_LEVEL": settings.log_level}
    keyless = {name: value for name, value in env.items() if name.removesuffix("_FILE") not in SECRET_KEYS}
    app = (sys.executable, "-m", "app")
    web = (sys.executable, "-m", "gunicorn", "app.server.wsgi:application", "-c", "app/server/gunicorn_conf.py")
    return [
        ChildSpec("api", web, env | {"HOST": settings.host, "PORT": str(settings.port)}, stop_timeout=35.0),
        *(_named(name, (*app, "worker"), env, 60.0) for name in worker_names(settings.workers)),
        *(_named(name, (*app, "worker", "pull"), env, 60.0) for name in puller_names(settings.pull_workers)),
        *(_named(name, (*app, "worker", PUSH), env, 60.0) for name in pusher_names(settings.push_workers)),
        _named("dispatcher", (*app, "dispatcher"), keyless, 15.0),
        _named("listener", (*app, "listener"), keyless, 15.0),
    ]


def _named(name: str, argv: tuple[str, ...], env: Mapping[str, str], stop_timeout: float) -> ChildSpec:
    # One that is started again takes the place of the one before on the System page.
    return ChildSpec(name, argv, {**env, "PROCESS_NAME": name}, stop_timeout=stop_timeout)


def child_environment(endpoints: Endpoints, environ: Mapping[str, str]) -> dict[str, str]:
    """Our environment with the servers' URLs. URLs with more rights than the application's are left out."""
    found = {
        "DATABASE_URL": endpoints.database_url,
        "REDIS_URL": endpoints.redis_url,
        "SECRET_KEY": endpoints.require_secret_key(),
    }
    if endpoints.secret_key_old:
        found["SECRET_KEY_OLD"] = ",".join(endpoints.secret_key_old)
    if endpoints.email_hash_key:
        found["EMAIL_HASH_KEY"] = endpoints.email_hash_key
    dropped = {
        *NOT_FOR_CHILDREN,
        *(f"{name}_FILE" for name in (*NOT_FOR_CHILDREN, *found, "HOST", "PORT", "LOG_LEVEL")),
    }
    kept = {name: value for name, value in environ.items() if name not in dropped}
    return kept | found


def worker_names(count: int) -> list[str]:
    return [f"worker-{number}" for number in range(1, count + 1)]


def puller_names(count: int) -> list[str]:
    return [f"puller-{number}" for number in range(1, count + 1)]


def pusher_names(count: int) -> list[str]:
    return [f"pusher-{number}" for number in range(1, count + 1)]


def stop_order(settings: Settings) -> list[list[str]]:
    """First what accepts, then what hands out work, then what works, last what all of them need."""
    working = worker_names(settings.workers) + puller_names(settings.pull_workers) + pusher_names(settings.push_workers)
    return [["api", "listener"], ["dispatcher"], working, ["redis"], ["postgres"]]

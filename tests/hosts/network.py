"""Hosts on one machine: a network namespace each, joined to ours by a cable that can be pulled."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from psycopg.conninfo import conninfo_to_dict

from tests.support.paths import ROOT
from tests.support.stack import command

IP = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
NETWORK = "10.213"  # of the third number a host: .1 is ours, .2 is the host's


def why_not() -> str | None:
    """Why no namespaces can be made here; None where they can."""
    if IP is None:
        return "there is no `ip`: apt-get install iproute2"
    name = f"sl{uuid4().hex[:6]}"
    made = subprocess.run([IP, "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces are not permitted: {made.stderr.strip() or made.returncode}"
    _ip("netns", "del", name)
    return None


def _ip(*words: str) -> None:
    assert IP is not None
    subprocess.run([IP, *words], check=True, capture_output=True)


@dataclass
class Host:
    """A namespace. `ours` is our end of its cable and its only way to anything."""

    name: str
    cable: str
    ours: str
    theirs: str
    worker: subprocess.Popen[bytes] | None = None

    def start_worker(self, env: dict[str, str], log: Path) -> None:
        assert IP is not None
        with log.open("ab") as file:
            words = [IP, "netns", "exec", self.name, *command("worker", "ingest")]
            self.worker = subprocess.Popen(words, cwd=ROOT, env=env, stdout=file, stderr=file)

    def stop_worker(self) -> None:
        if self.worker is not None and self.worker.poll() is None:
            self.worker.terminate()
            try:
                self.worker.wait(30)
            except subprocess.TimeoutExpired:
                self.worker.kill()
                self.worker.wait(5)

    def pull(self) -> None:
        """From now on every packet is lost, and neither end is told."""
        _ip("link", "set", self.cable, "down")

    def plug(self) -> None:
        _ip("link", "set", self.cable, "up")


@contextmanager
def host(number: int) -> Iterator[Host]:
    tag = f"{os.getpid() % 10000}{number}"
    made = Host(f"sluice{tag}", f"sl{tag}a", f"{NETWORK}.{number}.1", f"{NETWORK}.{number}.2")
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", made.cable, "type", "veth", "peer", "name", f"sl{tag}b", "netns", made.name)
        _ip("addr", "add", f"{made.ours}/30", "dev", made.cable)
        _ip("link", "set", made.cable, "up")
        for words in (("addr", "add", f"{made.theirs}/30", "dev", f"sl{tag}b"), ("link", "set", f"sl{tag}b", "up")):
            _ip("-n", made.name, *words)
        yield made
    finally:
        made.stop_worker()
        _ip("netns", "del", made.name)
        with suppress(subprocess.CalledProcessError):  # it goes with its other end, sooner or later
            _ip("link", "del", made.cable)


@contextmanager
def served_at(address: str, path: Path) -> Iterator[int]:
    """A Unix socket's server at a TCP port of that address, within the block; the port."""
    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=_serve, args=(listener, path), daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, path: Path) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=(client, path), daemon=True).start()


def _join(client: socket.socket, path: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        server.connect(str(path))
        back = threading.Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        _carry(client, server)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Bytes until one end closes; then both are closed."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def urls_for(at: Host, database_url: str, redis_socket: Path) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL as that host reaches them, over its cable."""
    parts = conninfo_to_dict(database_url)
    with ExitStack() as stack:
        postgres = stack.enter_context(served_at(at.ours, Path(f"{parts['host']}/.s.PGSQL.{parts['port']}")))
        redis = stack.enter_context(served_at(at.ours, redis_socket))
        login = f"{parts['user']}:{quote(str(parts['password']))}"
        yield {
            "DATABASE_URL": f"postgresql://{login}@{at.ours}:{postgres}/{parts['dbname']}",
            "REDIS_URL": f"redis://{at.ours}:{redis}/0",
        }

"""The API behind a real gunicorn of one process, on the servers of the test process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.conftest import Database, Servers
from tests.support.data_dirs import data_dir
from tests.support.paths import ROOT
from tests.support.stack import UNMEASURED, free_port, processes
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class WebServer:
    """gunicorn with one worker process of eight threads."""

    port: int
    pid: int

    def worker_pids(self) -> list[int]:
        return [pid for pid, (parent, _) in processes().items() if parent == self.pid]

    def peak_kib(self) -> dict[int, int]:
        """VmHWM of each worker process."""
        return {pid: _peak_kib(pid) for pid in self.worker_pids()}

    def forget_peaks(self) -> dict[int, int]:
        """Start VmHWM anew at what each worker process holds now."""
        for pid in self.worker_pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        return self.peak_kib()

    def is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@contextmanager
def web_server(database: Database, servers: Servers, **settings: str) -> Iterator[WebServer]:
    """Serves within the block."""
    port = free_port()
    with data_dir() as root:
        env = os.environ | UNMEASURED | {"WEB_WORKERS": "1", "WEB_THREADS": "8", "RATE_LIMIT_PER_MINUTE": "1000000"}
        env |= {"DATABASE_URL": database.url, "REDIS_URL": servers.redis.url, "DATA_DIR": str(root), "PORT": str(port)}
        env |= {"SECRET_KEY": "a key for tests that is long enough"} | settings
        words = [sys.executable, "-m", "gunicorn", "app.server.wsgi:application", "-c", "app/server/gunicorn_conf.py"]
        process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server = WebServer(port, process.pid)
            wait_until(server.is_ready, 60.0, "gunicorn")
            yield server
        finally:
            process.terminate()
            process.wait(60)

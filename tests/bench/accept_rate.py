"""How many batches of 100 orders a second the API accepts, against the same server doing only a durable insert."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from statistics import median

from tests.bench.load import Load
from tests.bench.world import World, orders
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

BATCH = 100
STORES = 8


@dataclass(frozen=True)
class AcceptFigures:
    """For one number of clients: requests a second and p99 in milliseconds, of the API and of the floor; medians.

    `ratio` and `p99_ratio` are medians too, each of two loads that ran one after the other: what slows a machine for a minute
    slows both of them.
    """

    clients: int
    encoding: str
    floor_rate: float
    rate: float
    floor_p99: float
    p99: float
    ratio: float
    p99_ratio: float


def measure(world: World, runs: int, clients: tuple[int, ...], requests: int) -> list[AcceptFigures]:
    """Both servers run at once, and are loaded in turn."""
    with world.superuser() as conn:
        conn.execute("CREATE TABLE bench_floor (id uuid PRIMARY KEY, body bytea STORAGE EXTERNAL)")
        conn.execute("GRANT INSERT ON bench_floor TO sluice_app")
    plain = json.dumps({"orders": orders(BATCH)}).encode()
    folder = world.runtime.settings.data_dir
    (folder / "plain.body").write_bytes(plain)
    (folder / "gzip.body").write_bytes(gzip.compress(plain, 6))
    tokens = [world.new_token() for _ in range(STORES)]
    found = []
    with (
        _gunicorn(world, "app.server.wsgi:application") as api,
        _gunicorn(world, "tests.bench.floor_app:application") as floor,
    ):
        for encoding in ("plain", "gzip"):
            body = str(folder / f"{encoding}.body")
            for count in clients:
                one = Load(api, "/api/sync/orders", tokens, body, count, requests, encoding == "gzip")
                two = Load(floor, "/floor", tokens, body, count, requests, encoding == "gzip")
                found.append(_compare(world, one, two, encoding, runs))
    return found


def _compare(world: World, api: Load, floor: Load, encoding: str, runs: int) -> AcceptFigures:
    pairs = []
    for _ in range(runs):
        pairs.append((_run(floor), _run(api)))
        _forget(world)
    return AcceptFigures(
        clients=api.clients,
        encoding=encoding,
        floor_rate=median(low["rate"] for low, _ in pairs),
        rate=median(high["rate"] for _, high in pairs),
        floor_p99=median(low["p99"] for low, _ in pairs),
        p99=median(high["p99"] for _, high in pairs),
        ratio=median(high["rate"] / low["rate"] for low, high in pairs),
        p99_ratio=median(high["p99"] / low["p99"] for low, high in pairs),
    )


def _forget(world: World) -> None:
    """No worker runs: what was accepted is thrown away, so that each run begins with an empty backlog."""
    with world.superuser() as conn:
        conn.execute("TRUNCATE sync_logs, bench_floor CASCADE")
    world.runtime.wake_up.redis.flushall()


def _run(load: Load) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(load))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@contextmanager
def _gunicorn(world: World, application: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {
        "PORT": str(port),
        "DATABASE_URL": world.postgres.app_url(),
        "REDIS_URL": world.redis_url,
        "SECRET_KEY": "b" * 32,
        "LOG_LEVEL": "WARNING",
        "RATE_LIMIT_PER_MINUTE": "1000000",
        "MAX_OPEN_LOGS_PER_STORE": "1000000",
    }
    command = [sys.executable, "-m", "gunicorn", application, "-c", "app/server/gunicorn_conf.py"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until(lambda: _listens(port), 30, application)
        yield port
    finally:
        process.terminate()
        process.wait(40)


def _listens(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
    except OSError:
        return False
    return True

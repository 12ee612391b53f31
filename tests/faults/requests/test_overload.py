"""Fifty clients for two connections, and bodies that decompress to gigabytes."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from werkzeug.test import TestResponse

from app.http.services import EXTENSION
from app.server.factory import create_app
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore
from tests.conftest import Database, Servers
from tests.faults.oracle import accept_in_the_end, assert_applied_once, make_orders
from tests.support.factories import make_order
from tests.support.pipeline import post
from tests.support.stack import Shop, Stack, processes
from tests.support.waiting import wait_until

CLIENTS, CONNECTIONS = 50, 2
MEGABYTE = 1 << 20
BOMBS = 6
SPARE_KIB = 64 * 1024


def test_an_exhausted_pool_answers_503_and_stores_nothing(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, root_conn: Connection
) -> None:
    """Both connections wait for a lock; other clients get 503, and succeed once it is gone."""
    app = create_app(replace(settings, db_pool_size=CONNECTIONS), database.url, servers.redis.url)
    services = app.extensions[EXTENSION]

    def post_one(_: int) -> TestResponse:
        return post(app.test_client(), store.token, "orders", [make_order()])

    assert post_one(0).status_code == 202
    with ThreadPoolExecutor(CLIENTS) as clients:
        with psycopg.connect(database.superuser_url) as administrator:
            administrator.execute("LOCK TABLE sync_logs")
            answers = [clients.submit(post_one, number) for number in range(CLIENTS)]
            wait_until(lambda: sum(answer.done() for answer in answers) == CLIENTS - CONNECTIONS, 10.0, "the refusals")
        statuses = Counter(answer.result().status_code for answer in answers)
    refused = [answer.result() for answer in answers if answer.result().status_code == 503]
    assert statuses == {503: CLIENTS - CONNECTIONS, 202: CONNECTIONS}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert post_one(0).status_code == 202
    logs = root_conn.execute("SELECT count(*) FROM sync_logs WHERE store_id = %s", (store.store_id,)).fetchone()
    assert logs == (2 + CONNECTIONS,)
    services.pool.close()
    services.wake_up.redis.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peak of memory here")
def test_gigabyte_gzip_bodies_take_no_memory(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 100)
    jobs = [accept_in_the_end(shop, batch)]
    before = memory_of_api(stack)
    members = gzip.compress(bytes(MEGABYTE)) * 1024
    for body, status in ((bomb(1024), 413), (members, 400)):
        for _ in range(BOMBS):
            answer = shop.call("POST", "/api/sync/orders", body, **{"Content-Encoding": "gzip"})
            assert answer.status_code == status, answer.text
    assert memory_of_api(stack) - before < SPARE_KIB
    assert_applied_once(shop, [batch], shop.wait_ended(jobs))


def bomb(megabytes: int) -> bytes:
    """One gzip member of that many megabytes, without an end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first, piece = (packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + piece * (megabytes - 1)


def memory_of_api(stack: Stack) -> int:
    """Peak memory of its processes, in KiB."""
    listed = processes()
    masters = stack.pids("api")
    family = masters + [pid for pid, (parent, _) in listed.items() if parent in masters]
    status = [Path(f"/proc/{pid}/status").read_text() for pid in family]
    return sum(int(line.split()[1]) for text in status for line in text.splitlines() if line.startswith("VmHWM"))

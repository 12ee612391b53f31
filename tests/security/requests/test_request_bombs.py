"""Small requests that would take hundreds of megabytes to parse are refused by every route."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.http.body import CONTAINERS_A_RECORD
from app.http.operation import Operation
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore, create_store
from tests.conftest import Database, Servers
from tests.support.contract import OPERATIONS
from tests.support.factories import make_order
from tests.support.paths import ROOT
from tests.support.pipeline import bearer
from tests.support.web_server import WebServer, web_server

INFLATED = 16_000_000
AT_ONCE = 8
MOST_GROWTH_KIB = 60 * 1024


def bomb(begin: bytes, unit: bytes, end: bytes) -> bytes:
    """A few kilobytes of gzip that inflate to 16 MB."""
    return gzip.compress(begin + unit * (INFLATED // len(unit)) + end, 6)


BOMBS = {
    "objects": bomb(b'{"orders":[', b"{},", b"{}]}"),
    "arrays": bomb(b'{"orders":[{"items":[', b"[],", b"[]]}]}"),
    "numbers": bomb(b'{"orders":[{"total":[', b"1.5,", b"1]}]}"),
    "records that are no objects": bomb(b'{"orders":[', b"1,", b"1]}"),
    "texts beside an address": bomb(b'{"orders":[{"status":"a@b.c","total":[', b'"aa",', b'""]}]}'),
    "objects behind blanks": gzip.compress(b" " * 12_000_000 + b'{"orders":[' + b"{}," * 1_000_000 + b"{}]}", 6),
}
# Within what a whole batch may hold, and beyond what a record may.
BOMBS |= {
    "numbers of one record": gzip.compress(
        b'{"orders":[{"status":"a@b.c","total":[' + b"1.5," * 1_000_000 + b"1]}]}", 6
    ),
    "names of one record": gzip.compress(
        b'{"orders":[{"status":"a@b.c","total":{' + b"".join(b'"%x":1.5,' % n for n in range(1_000_000)) + b'"a":1}}]}',
        6,
    ),
}
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]


@pytest.fixture(scope="module")
def server(database: Database, servers: Servers) -> Iterator[WebServer]:
    with web_server(database, servers) as running:
        yield running


def send(server: WebServer, token: str, body: bytes, together: threading.Barrier | None = None) -> tuple[int, bytes]:
    """Post a gzip body of orders over a socket of its own."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.connect()
        if together is not None:
            together.wait(60)
        headers = bearer(token) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        connection.request("POST", "/api/sync/orders", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def orders(count: int, lines: int) -> bytes:
    """A body of valid orders with the fields that a line must have: with all of them so many exceed the bytes of a body."""
    items = [{"product_name": "Blue Widget", "quantity": 2, "wc_product_id": number} for number in range(1, lines + 1)]
    return json.dumps({"orders": [make_order(wc_order_id=key, items=items) for key in range(1, count + 1)]}).encode()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peak of memory here")
@pytest.mark.parametrize("kind", BOMBS)
def test_eight_bombs_at_once_take_no_memory(server: WebServer, store: CreatedStore, kind: str) -> None:
    assert send(server, store.token, gzip.compress(orders(10, 1)))[0] == 202
    before = server.forget_peaks()
    together = threading.Barrier(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        sent = [clients.submit(send, server, store.token, BOMBS[kind], together) for _ in range(AT_ONCE)]
        answers = [one.result() for one in sent]
    after = server.peak_kib()
    assert after.keys() == before.keys(), "a process died"
    assert [status for status, _ in answers] == [413] * AT_ONCE
    assert all(json.loads(body)["error"]["code"] == "PAYLOAD_TOO_LARGE" for _, body in answers)
    assert max(after[pid] - before[pid] for pid in before) <= MOST_GROWTH_KIB


def address(operation: Operation) -> str:
    """The operation's path with something in each place."""
    path = operation.path
    for place, schema in operation.places.items():
        path = path.replace("{" + place + "}", str(schema.get("enum", ["00000000-0000-4000-8000-000000000000"])[0]))
    return path


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize("unit", [b"{},", b"[],", b"1,"], ids=["objects", "arrays", "numbers"])
def test_no_route_with_a_body_parses_a_bomb(
    client: FlaskClient,
    conn: Connection,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    unit: bytes,
) -> None:
    """A body that exceeds one bound by little: the limits of records and bytes would refuse it later, or not at all."""
    parsed: list[str] = []
    monkeypatch.setattr("app.http.body._parse_in_turn", lambda *_: parsed.append("parsed"))
    assert operation.body is not None
    bounds = operation.body.limits(settings)
    most, what = (bounds.values, "values") if unit == b"1," else (bounds.containers, "objects and arrays")
    admin = create_store(conn, "Test shop", "shopify", role="admin")
    name = operation.path.rpartition("/")[2].encode()
    sent = gzip.compress(b'{"' + name + b'":[' + unit * (most + 1) + b"1]}", 1)
    headers = bearer(admin.token) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.open(address(operation), method=operation.method.upper(), data=sent, headers=headers)
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["code"], parsed) == (413, "PAYLOAD_TOO_LARGE", [])
    assert error["message"] == f"the body may hold at most {most} {what}; send smaller batches"


def test_only_one_place_reads_bodies() -> None:
    """Forms of the console aside, which werkzeug bounds; a route that read a body by itself would forget its limits."""
    reads = re.compile(r"request\.(get_json|get_data|json|data|stream|files)\b|wsgi\.input")
    found = {path for path in (ROOT / "app").rglob("*.py") if reads.search(path.read_text(encoding="utf-8"))}
    assert found == {ROOT / "app" / "http" / "body.py"}


@pytest.mark.parametrize(("count", "lines"), [(5000, 15), (500, 200), (100, 1000)])
def test_batches_of_many_lines_are_accepted(client: FlaskClient, store: CreatedStore, count: int, lines: int) -> None:
    body = gzip.compress(orders(count, lines), 1)
    headers = bearer(store.token) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert count * (lines + 2) <= 5000 * CONTAINERS_A_RECORD
    assert client.post("/api/sync/orders", data=body, headers=headers).status_code == 202

"""A client that is still sending when its body is refused sees the answer, not a broken pipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from app.http.body import LINGER_BYTES, throw_rest_away
from app.usecases.stores import CreatedStore
from tests.conftest import Database, Servers
from tests.support.pipeline import bearer
from tests.support.web_server import WebServer, web_server

TOO_MUCH = 20 * 1024 * 1024
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(database: Database, servers: Servers) -> Iterator[WebServer]:
    with web_server(database, servers) as running:
        yield running


@pytest.mark.parametrize("is_chunked", [False, True], ids=["content-length", "chunked"])
def test_a_client_that_writes_on_sees_413(server: WebServer, store: CreatedStore, is_chunked: bool) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    pieces = (b" " * 65536 for _ in range(TOO_MUCH // 65536))
    length = {} if is_chunked else {"Content-Length": str(TOO_MUCH)}
    connection.request(
        "POST", "/api/sync/orders", pieces, bearer(store.token) | JSON | length, encode_chunked=is_chunked
    )
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    connection.close()


class Endless:
    """A body without end."""

    taken = 0

    def read(self, size: int) -> bytes:
        self.taken += size
        return b" " * size


def test_a_body_without_end_is_thrown_away_to_a_bound() -> None:
    body = Endless()
    throw_rest_away({"wsgi.input": body})
    assert body.taken == LINGER_BYTES


class Silent:
    """A connection on which nothing comes; it notes how long a read would wait."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    def settimeout(self, seconds: float | None) -> None:
        self.timeouts.append(seconds)

    def read(self, _size: int) -> bytes:
        raise TimeoutError


def test_a_silent_client_is_not_waited_for() -> None:
    silent = Silent()
    throw_rest_away({"wsgi.input": silent, "gunicorn.socket": silent})
    assert silent.timeouts == [2.0, None]

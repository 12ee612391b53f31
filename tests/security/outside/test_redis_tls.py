"""Redis over TLS: `rediss://` verifies the server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.stack.embedded.redis import find_program
from db.sync.logs import Ticket
from tests.fakes.common.tls import contexts
from tests.support.stack import free_port
from tests.support.waiting import wait_until
from workers.core.ids import new_id
from workers.core.queues import INGEST, connect, enqueue_all, queue_lengths


@pytest.fixture
def tls_url(tmp_path: Path) -> Iterator[str]:
    """A server that speaks nothing but TLS; skips where the program at hand was built without."""
    contexts(tmp_path)
    certificate, port = str(tmp_path / "loopback.pem"), free_port()
    options = ["--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""]
    files = ["--tls-cert-file", certificate, "--tls-key-file", certificate, "--tls-ca-cert-file", certificate]
    command = [find_program(), *options, *files, "--tls-auth-clients", "no"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
        try:
            wait_until(lambda: answers(url) or server.poll() is not None, 10.0, "Redis")
            if server.poll() is not None:
                pytest.skip("this redis-server was built without TLS")
            yield url
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        with connect(url) as client:
            return bool(client.ping())
    except RedisConnectionError:
        return False


def test_jobs_are_enqueued_over_tls(tls_url: str) -> None:
    with connect(tls_url) as client:
        enqueue_all(client, [Ticket(new_id(), new_id(), 1, "orders", 5)])
        assert queue_lengths(client)[INGEST] == 1


def test_server_with_an_unknown_certificate_is_refused(tls_url: str) -> None:
    assert not answers(tls_url.partition("?")[0])

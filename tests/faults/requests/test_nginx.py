"""The nginx of docker-compose.yml: it buffers slow bodies, and its refusals have the form of the API's."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.factories import make_order
from tests.support.paths import ROOT
from tests.support.stack import Shop, Stack, free_port, running_stack
from tests.support.waiting import wait_until

NGINX = ROOT / "docker" / "nginx.conf"
TLS_PROXY = "127.0.0.77"
SLOW_CLIENTS = 40
SECONDS = 10
POSTS_A_SECOND = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx is installed (Debian: nginx-light)"),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(WORKERS="1", WEB_WORKERS="1", WEB_THREADS="4") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    with _nginx(folder, _configuration(folder, port, stack.up.port)):
        wait_until(lambda: _answers(port), 10.0, "nginx answers")
        yield port


def _configuration(folder: Path, port: int, upstream: int) -> str:
    """The real configuration with other addresses and folders, without Docker's names, which need nginx 1.27.3."""
    text = NGINX.read_text(encoding="utf-8")
    text = text.replace("/tmp/nginx.pid", str(folder / "pid")).replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = re.sub(r"resolver [^;]*;", "", text).replace("server api:8000 resolve", f"server 127.0.0.1:{upstream}")
    text = text.replace("/var/tmp/", f"{folder}/").replace("/etc/nginx/trusted_proxies.conf", str(folder / "proxies"))
    (folder / "proxies").write_text(f"set_real_ip_from {TLS_PROXY};\n", encoding="utf-8")
    kinds = ("fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    return text.replace("http {", "http { " + folders, 1)


@contextmanager
def _nginx(folder: Path, configuration: str) -> Iterator[None]:
    file = folder / "nginx.conf"
    file.write_text(configuration, encoding="utf-8")
    with (folder / "log").open("wb") as out:
        command = ["nginx", "-p", str(folder), "-c", str(file), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/nginx-health").status_code == 204
    except httpx.HTTPError:
        return False


def _post(shop: Shop, port: int, number: int) -> httpx.Response:
    headers = {"Authorization": f"Bearer {shop.token}"}
    body = {"orders": [make_order(wc_order_id=number)]}
    return httpx.post(f"http://127.0.0.1:{port}/api/sync/orders", json=body, headers=headers, timeout=5.0)


def _dripping(shop: Shop, port: int) -> socket.socket:
    """A client that has announced the length of its body, and sends it slowly."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20.0)
    head = ["POST /api/sync/orders HTTP/1.1", "Host: test", f"Authorization: Bearer {shop.token}"]
    head += ["Content-Type: application/json", "Content-Length: 5000", "", '{"orders"']
    connection.sendall("\r\n".join(head).encode())
    return connection


def test_forty_slow_bodies_leave_room_for_others(stack: Stack, proxy: int) -> None:
    """Ten times as many slow clients as the API has threads."""
    shop = stack.create_store()
    statuses = []
    with ExitStack() as open_connections:
        slow = [open_connections.enter_context(_dripping(shop, proxy)) for _ in range(SLOW_CLIENTS)]
        for second in range(SECONDS):
            for connection in slow:
                connection.sendall(b" ")
            statuses += [_post(shop, proxy, second * POSTS_A_SECOND + number + 1) for number in range(POSTS_A_SECOND)]
            time.sleep(1.0)  # a byte a second is what is tried here
    assert [answer.status_code for answer in statuses] == [202] * (SECONDS * POSTS_A_SECOND)
    shop.wait_completed([answer.json()["data"]["jobId"] for answer in statuses], 30.0)


def test_nginx_refuses_in_the_same_form_as_the_api(stack: Stack, proxy: int) -> None:
    base = f"http://127.0.0.1:{proxy}"
    large = httpx.post(f"{base}/api/sync/orders", content=b"x" * (18 * 1024 * 1024), timeout=30.0)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    metrics = httpx.get(f"{base}/metrics")
    assert (metrics.status_code, metrics.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert all(answer.headers["X-Request-Id"] for answer in (large, metrics))
    unknown = httpx.get(f"{base}/api/nothing", headers={"X-Request-Id": "mine-1"})
    assert (unknown.status_code, unknown.headers["X-Request-Id"]) == (404, "mine-1")


def _ask(port: int, source: str, path: str = "/console/login", **headers: str) -> httpx.Response:
    """Connect from another loopback address."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
        return client.get(f"http://127.0.0.1:{port}{path}", headers=sent)


@pytest.mark.skipif(sys.platform != "linux", reason="loopback has one address elsewhere")
def test_only_the_tls_proxy_sets_the_scheme(stack: Stack, proxy: int) -> None:
    said = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    answers = [_ask(proxy, source, **said) for source in (TLS_PROXY, "127.0.0.1")]
    assert ["Secure" in answer.headers["Set-Cookie"] for answer in answers] == [True, False]
    assert ["Strict-Transport-Security" in answer.headers for answer in answers] == [True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="loopback has one address elsewhere")
def test_a_client_with_too_many_open_bodies_is_refused(stack: Stack, proxy: int) -> None:
    shop = stack.create_store()
    with ExitStack() as open_connections:
        for _ in range(60):
            open_connections.enter_context(_dripping(shop, proxy))
        refused = wait_until(lambda: _refusal(proxy), 10.0, "a refusal")
        assert refused is not None
        assert refused.json()["error"]["code"] == "RATE_LIMITED"
        assert refused.headers["Retry-After"] == "1"
        assert _ask(proxy, "127.0.0.2", "/healthz").status_code == 200


def _refusal(port: int) -> httpx.Response | None:
    answer = _ask(port, "127.0.0.1", "/healthz")
    return answer if answer.status_code == 429 else None

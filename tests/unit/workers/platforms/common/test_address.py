"""Which URLs a shop may have, and which addresses its name may resolve to."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpcore
import httpx
import pytest

from workers.platforms.common.address import (
    REFUSED,
    GuardedBackend,
    ShopAddress,
    guarded_client,
    may_connect,
    read_shop_url,
    resolve,
)
from workers.platforms.common.interface import PlatformError

TIMEOUT = httpx.Timeout(5.0)

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
INNER = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_called(text: str) -> None:
    assert may_connect(ipaddress.ip_address(text), loopback=False)


@pytest.mark.parametrize("text", INNER)
def test_private_networks_are_refused_even_with_loopback(text: str) -> None:
    assert not may_connect(ipaddress.ip_address(text), loopback=True)


@pytest.mark.parametrize("text", LOOPBACK)
def test_loopback_is_allowed_only_on_request(text: str) -> None:
    assert may_connect(ipaddress.ip_address(text), loopback=True)
    assert not may_connect(ipaddress.ip_address(text), loopback=False)


def test_address_is_split_into_its_parts() -> None:
    address = read_shop_url(" https://Shop.example.com/sub/ ", allow_http=False)
    assert (address.base, address.scheme, address.host, address.port) == (
        "https://Shop.example.com/sub",
        "https",
        "shop.example.com",
        443,
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:9", "http://[::1]:80/"])
def test_http_to_loopback_needs_the_setting(url: str) -> None:
    assert read_shop_url(url, allow_http=True).loopback
    with pytest.raises(PlatformError):
        read_shop_url(url, allow_http=False)


def test_http_elsewhere_needs_the_setting() -> None:
    assert read_shop_url("http://shop.test", allow_http=True).port == 80
    with pytest.raises(PlatformError) as caught:
        read_shop_url("http://shop.test", allow_http=False)
    assert (caught.value.code, caught.value.retryable) == (REFUSED, False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.test",
        "ftp://shop.test",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@shop.test",
        "https://shop.test/?a=1",
        "https://shop.test/#a",
        "https://shop.test:99999",
        "https://[::1",
        "https://shop test",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(PlatformError) as caught:
        read_shop_url(url, allow_http=True)
    assert caught.value.code == REFUSED


def test_name_that_resolves_inside_is_refused() -> None:
    with pytest.raises(PlatformError) as caught:
        resolve("localhost", 80, loopback=False)
    assert caught.value.code == REFUSED


def test_name_with_one_inside_address_is_refused() -> None:
    with pytest.raises(PlatformError) as caught:
        resolve("shop.test", 443, loopback=False, look_up=answering("93.184.216.34", "169.254.169.254"))
    assert caught.value.code == REFUSED


def answering(*addresses: str) -> Callable[..., list[Any]]:

    def look_up(_host: str, port: int, **_kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return look_up


def test_name_is_resolved_and_checked_once_per_connection(port: int) -> None:
    # First the name resolves to this machine, which is allowed; later to a cloud's metadata service.
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def look_up(host: str, port: int, **kwargs: Any) -> list[Any]:
        return answering(next(answers))(host, port, **kwargs)

    backend = GuardedBackend(loopback=True, look_up=look_up)
    stream = backend.connect_tcp("shop.test", port, timeout=5.0)
    assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
    stream.close()
    with pytest.raises(PlatformError) as caught:
        backend.connect_tcp("shop.test", port, timeout=5.0)
    assert caught.value.code == REFUSED


def test_unknown_name_is_a_failed_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        resolve("shop." + "x" * 70, 80, loopback=False)


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "https://elsewhere.test/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_client_reaches_loopback_and_follows_no_redirect(port: int) -> None:
    address = read_shop_url(f"http://localhost:{port}", allow_http=True)
    with guarded_client(address, TIMEOUT) as client:
        assert client.get(f"{address.base}/").status_code == 200
        assert client.get(f"{address.base}/away").status_code == 302


@pytest.mark.parametrize(
    "inner",
    [
        "https://127.0.0.1",
        "https://localhost",
        "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254",
        "http://169.254.169.254",
        "http://[fe80::1]",
    ],
)
def test_client_refuses_inside_addresses(inner: str, port: int) -> None:
    # The connection refuses, too, if the URL was not checked.
    scheme, _, host = inner.partition("://")
    address = ShopAddress(f"{inner}:{port}", scheme, host.strip("[]"), port, loopback=scheme == "http")
    with guarded_client(address, TIMEOUT) as client, pytest.raises(PlatformError) as caught:
        client.get(f"{address.base}/")
    assert caught.value.code == REFUSED


def test_closed_port_is_a_failed_connection() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = read_shop_url(f"http://127.0.0.1:{taken.getsockname()[1]}", allow_http=True)
        with guarded_client(address, TIMEOUT) as client, pytest.raises(httpx.ConnectError):
            client.get(address.base)

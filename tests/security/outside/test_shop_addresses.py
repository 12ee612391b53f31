"""Attack: give a store an address, or an authorisation server, that leads into the private network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.environment import SHOP_PORTS, SettingsError, load_settings
from tests.fakes.common.server import FakeServer, Reply
from workers.platforms.common.address import (
    REFUSED,
    GuardedBackend,
    guarded_client,
    may_connect,
    names_loopback,
    read_shop_url,
)
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, PlatformError, ShopAccess
from workers.platforms.common.token_store import TokenStore
from workers.platforms.registry import open_shop

# The registries of special-purpose addresses (IANA), and what else leads inside: written out here, so that the guard is
# measured by a list that it doesn't share.
INNER_V4 = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
]
INNER_V6 = [
    *("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
WRAPPERS = {"::ffff:0:0/96": 0, "64:ff9b::/96": 0, "2002::/16": 80}  # a prefix, and how far left IPv4 stands in it
PROVEN = ["::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "192.0.0.192", "64:ff9b:1:ffff::a00:1"]


def drawn(network: str) -> st.SearchStrategy[Any]:
    return st.ip_addresses(network=ipaddress.ip_network(network))


def wrapped(address: ipaddress.IPv4Address, prefix: str) -> ipaddress.IPv6Address:
    base = ipaddress.IPv6Network(prefix)
    return ipaddress.IPv6Address(int(base.network_address) | int(address) << WRAPPERS[prefix])


def access(platform: str, url: str | None, **credentials: str) -> ShopAccess:
    given = {
        "woocommerce": {"consumer_key": "ck_x", "consumer_secret": "cs_x"},
        "shopify": {"access_token": "x"},
        "tiktok": {"app_key": "k", "app_secret": "s", "access_token": "x", "refresh_token": "r"},
    }[platform]
    return ShopAccess(platform, url, given | credentials)


def open_(wanted: ShopAccess, *, allow_http: bool = False) -> None:
    store: TokenStore = None  # type: ignore[assignment]  # no call is made
    open_shop(wanted, CallLimits(allow_http, 20), store, Clock()).close()


def assert_refused(wanted: ShopAccess, *, allow_http: bool = False) -> None:
    with pytest.raises(PlatformError) as caught:
        open_(wanted, allow_http=allow_http)
    assert (caught.value.code, caught.value.retryable) == (REFUSED, False)


@pytest.mark.parametrize("text", PROVEN)
@pytest.mark.parametrize("loopback", [False, True])
def test_an_address_that_hides_another_is_refused(text: str, loopback: bool) -> None:
    assert not may_connect(ipaddress.ip_address(text), loopback=loopback)


@given(st.one_of([drawn(network) for network in INNER_V4 + INNER_V6]))
def test_no_special_purpose_address_is_called(address: Any) -> None:
    assert not may_connect(address, loopback=False)


@given(st.one_of([drawn(network) for network in INNER_V4]), st.sampled_from(sorted(WRAPPERS)))
def test_no_inner_ipv4_is_called_inside_ipv6(address: ipaddress.IPv4Address, prefix: str) -> None:
    assert not may_connect(wrapped(address, prefix), loopback=False)


@given(st.ip_addresses(v=6))
def test_only_global_unicast_is_called(address: ipaddress.IPv6Address) -> None:
    is_world = address in ipaddress.ip_network("2000::/3")
    translates = any(address in ipaddress.ip_network(prefix) for prefix in WRAPPERS)
    assert is_world or translates or not may_connect(address, loopback=False)


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are_still_called(text: str) -> None:
    assert may_connect(ipaddress.ip_address(text), loopback=False)


@pytest.fixture(scope="module")
def inner_service() -> Iterator[FakeServer]:
    """A service on loopback that no tenant should reach."""
    with FakeServer(lambda _call: Reply(200, b"{}")) as server:
        yield server


@pytest.mark.parametrize("platform", ["woocommerce", "shopify", "tiktok"])
def test_loopback_is_refused_without_the_setting(platform: str, inner_service: FakeServer) -> None:
    assert_refused(access(platform, inner_service.url))
    assert inner_service.calls.total() == 0


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "http://localhost:8080", "http://[::1]", "https://127.0.0.1", "https://localhost:8443"]
)
def test_loopback_is_refused_in_every_form(url: str) -> None:
    assert_refused(access("woocommerce", url))


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost.", "localhost", "127.0.0.1"])
def test_a_name_of_loopback_is_not_connected_to(host: str) -> None:
    backend = GuardedBackend(loopback=False)
    with pytest.raises((PlatformError, httpcore.ConnectError)):
        backend.connect_tcp(host, 443, timeout=1.0)


def test_the_authorisation_server_must_be_tiktoks(inner_service: FakeServer) -> None:
    for url in (inner_service.url, "https://evil.example", "https://auth.tiktok-shops.com.evil.example"):
        assert_refused(access("tiktok", None, auth_url=url))
    assert inner_service.calls.total() == 0


@pytest.mark.parametrize("url", ["https://evil.example", "http://evil.example", "https://auth.tiktok-shops.com:8443"])
def test_the_authorisation_server_is_known_even_with_http(url: str) -> None:
    assert_refused(access("tiktok", None, auth_url=url), allow_http=True)


def test_a_fake_authorisation_server_needs_the_setting(inner_service: FakeServer) -> None:
    open_(access("tiktok", inner_service.url, auth_url=inner_service.url), allow_http=True)
    open_(access("tiktok", None))
    open_(access("tiktok", None, auth_url="https://auth.tiktok-shops.com"))


@pytest.mark.parametrize("port", [0, 22, 25, 5432, 6379, 9200, 65535])
@pytest.mark.parametrize("allow_http", [False, True])
def test_a_port_that_no_shop_has_is_refused(port: int, allow_http: bool) -> None:
    with pytest.raises(PlatformError) as caught:
        read_shop_url(f"https://shop.example:{port}", allow_http=allow_http)
    assert caught.value.code == REFUSED


@given(st.integers(1, 65535))
def test_shops_listen_on_allowed_ports_alone(port: int) -> None:
    try:
        read_shop_url(f"https://shop.example:{port}", allow_http=False, ports=frozenset({443, 9443}))
    except PlatformError:
        assert port not in (443, 9443)
    else:
        assert port in (443, 9443)


def test_ports_are_allowed_by_a_setting() -> None:
    assert load_settings({}).allowed_shop_ports == SHOP_PORTS == {80, 443, 8080, 8443}
    assert load_settings({"ALLOWED_SHOP_PORTS": "443, 9443"}).allowed_shop_ports == {443, 9443}
    for wrong in ("0", "https", "65536", ",", "443;80"):
        with pytest.raises(SettingsError):
            load_settings({"ALLOWED_SHOP_PORTS": wrong})


@given(st.one_of([drawn(network) for network in [*INNER_V4, *INNER_V6]]))
def test_a_listed_network_opens_no_other(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    networks = load_settings({"ALLOWED_SHOP_NETWORKS": "192.168.5.0/24, fd00:1::/32"}).allowed_shop_networks
    wanted = any(address in network for network in networks)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is None:
        assert may_connect(address, loopback=False, networks=networks) is wanted


def test_a_shop_in_a_listed_network_is_reached(inner_service: FakeServer) -> None:
    networks = load_settings({"ALLOWED_SHOP_NETWORKS": "127.0.0.1/32"}).allowed_shop_networks
    port = int(inner_service.url.rpartition(":")[2])
    url = inner_service.url.replace("http:", "https:")
    with pytest.raises(PlatformError):
        read_shop_url(url, allow_http=False, ports={port})
    with pytest.raises(PlatformError):
        read_shop_url(url, allow_http=False, networks=networks)
    address = read_shop_url(url, allow_http=False, ports={port}, networks=networks)
    with guarded_client(address, httpx.Timeout(5.0)) as client:
        assert client.get(f"{inner_service.url}/").status_code == 200
    inner_service.calls.clear()


@pytest.mark.parametrize(
    "wrong", ["0.0.0.0/0", "169.254.0.0/16", "8.8.8.0/24", "fe80::/10", "2000::/3", "10.0.0.1/8", "x", ","]
)
def test_only_private_networks_can_be_listed(wrong: str) -> None:
    with pytest.raises(SettingsError):
        load_settings({"ALLOWED_SHOP_NETWORKS": wrong})


@given(st.sampled_from(["127.0.0.1", "127.9.9.9", "[::1]", "localhost"]), st.integers(1, 65535))
def test_with_the_setting_fakes_may_have_any_port(host: str, port: int) -> None:
    address = read_shop_url(f"http://{host}:{port}", allow_http=True)
    assert address.loopback and names_loopback(address.host)


def test_with_the_setting_the_service_is_reached(inner_service: FakeServer) -> None:
    """The counts of calls above would be zero, too, if nothing were counted."""
    address = read_shop_url(inner_service.url, allow_http=True)
    with guarded_client(address, httpx.Timeout(5.0)) as client:
        assert client.get(f"{address.base}/").status_code == 200
    assert inner_service.calls.total() == 1
    inner_service.calls.clear()

"""Where a shop may be: the guard against addresses that lead into our own network, and the connection that keeps to it.

A shop's URL is given by a tenant, so it is hostile until read (server-side request forgery). `read_shop_url` judges the text;
`GuardedTransport` judges what the name stands for at the moment of connecting, and connects to that very address, so that a
name which changes its mind in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from workers.platforms.common.interface import PlatformError

REFUSED = "SHOP_ADDRESS_REFUSED"
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[\w.:-]+")  # letters of any script: names may be international
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp = Callable[..., list[Any]]  # as socket.getaddrinfo


@dataclass(frozen=True, slots=True)
class ShopAddress:
    """A shop's URL that may be called. `base` has no slash at its end; `scheme`, `host` and `port` are its origin."""

    base: str
    scheme: str
    host: str
    port: int


def refused(message: str) -> PlatformError:
    """The one way in which an address is turned down: trying again would end the same way."""
    return PlatformError(REFUSED, message, retryable=False)


def read_shop_url(url: str, *, allow_http: bool) -> ShopAddress:
    """The address a URL stands for. `allow_http` is the setting ALLOW_HTTP_SHOPS.

    Raises PlatformError SHOP_ADDRESS_REFUSED for anything but https, or http to loopback, or http where it is allowed; and for
    URLs with a user, a query or a fragment. Names are not resolved here: the transport does that.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("The address of the shop is not a URL.") from None
    if parts.scheme not in DEFAULT_PORTS or not HOST.fullmatch(host):
        raise refused("The address of the shop must start with https:// and name a host.")
    if parts.username is not None or parts.query or parts.fragment:
        raise refused("The address of the shop must hold no user name, no ? and no #.")
    if parts.scheme == "http" and not allow_http and not names_loopback(host):
        raise refused("The address of the shop must start with https://: over plain http anyone may read along.")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return ShopAddress(base, parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def names_loopback(host: str) -> bool:
    """Whether the text itself says that it is this machine; no name is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_connect(address: Address, *, loopback: bool) -> bool:
    """Whether an address is out in the world. `loopback`: this machine will do too. IPv4 hidden in IPv6 is judged as IPv4."""
    plain = _unwrapped(address)
    if plain.is_loopback:
        return loopback
    return plain.is_global and not plain.is_multicast


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def resolve(host: str, port: int, *, loopback: bool, look_up: LookUp = socket.getaddrinfo) -> list[str]:
    """All addresses of a name. Raises PlatformError if any of them is not allowed, httpcore.ConnectError if there is none.

    The resolver has time limits of its own (resolv.conf); Python offers none.
    """
    try:
        found = look_up(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError("the name was not found") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(may_connect(ipaddress.ip_address(text.partition("%")[0]), loopback=loopback) for text in addresses):
        raise refused("The address of the shop leads into a private network, which is not called.")
    return addresses


class GuardedBackend(httpcore.SyncBackend):
    """Connects to judged addresses alone. A name is resolved once per connection, and that answer is connected to."""

    def __init__(self, *, loopback: bool, look_up: LookUp = socket.getaddrinfo) -> None:
        self._loopback = loopback
        self._look_up = look_up

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the addresses in the resolver's order; the last failure is the one that counts."""
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in resolve(host, port, loopback=self._loopback, look_up=self._look_up):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Made once a process: reading the authorities' certificates takes longer than many a call."""
    return httpx.create_ssl_context()


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport over guarded connections; certificates are checked against the name, not the address."""

    def __init__(self, address: ShopAddress) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx has no public way to give its pool a network backend; the pinned version and a test keep this honest.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=4,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(loopback=address.scheme == "http"),
        )


def guarded_client(address: ShopAddress, timeout: httpx.Timeout) -> httpx.Client:
    """A client for one shop: guarded, without redirects, cookies or proxies taken from the environment."""
    return httpx.Client(transport=GuardedTransport(address), timeout=timeout, follow_redirects=False, trust_env=False)

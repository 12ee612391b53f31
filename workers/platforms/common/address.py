"""Checks shop addresses, and connects only to public ones.

A tenant sets a shop's URL, so it may point into our network (server-side request forgery). `read_shop_url` checks the text.
`GuardedTransport` checks the address that the name resolves to, and connects to that very address, so a name that resolves
differently later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from app.settings.environment import SHOP_PORTS
from app.settings.values import Network
from workers.platforms.common.answer_body import ACCEPT_ENCODING
from workers.platforms.common.interface import PlatformError

MOST_CONNECTIONS = 20  # to one shop at once; the callers pace their calls, and here none should wait
REFUSED = "SHOP_ADDRESS_REFUSED"
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[\w.:-]+")  # names may be international
# IPv4 inside IPv6, checked as IPv4: mapped, NAT64, and 6to4. An operator's own NAT64 with another prefix looks like a public
# address.
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
# The IPv6 that is routed publicly. Addresses outside hide IPv4 (::a.b.c.d, ::ffff:0:a.b.c.d, 64:ff9b:1::/48) or are private
# (fc00::/7, fe80::/10, fec0::/10), and `is_global` of Python 3.11 takes several of them for public.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Public by number, but not on the internet.
SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; Oracle Cloud has its metadata at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's own service inside each virtual machine
        "2001::/23",  # protocol assignments, with Teredo, which hides IPv4
        "3fff::/20",  # documentation
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp = Callable[..., list[Any]]  # as socket.getaddrinfo


@dataclass(frozen=True, slots=True)
class ShopAddress:
    """A shop's URL that may be called. `base` has no trailing slash; `scheme`, `host` and `port` are its origin.

    `loopback`: its name may resolve to this machine. `networks`: private ones into which it may lead.
    """

    base: str
    scheme: str
    host: str
    port: int
    loopback: bool = False
    networks: tuple[Network, ...] = ()


def refused(message: str) -> PlatformError:
    """The error for every address that is not called. Permanent."""
    return PlatformError(REFUSED, message, retryable=False)


def read_shop_url(
    url: str,
    *,
    allow_http: bool,
    ports: Collection[int] = SHOP_PORTS,
    hosts: Collection[str] = (),
    networks: Collection[Network] = (),
) -> ShopAddress:
    """Check a URL. `allow_http`, `ports` and `networks` are ALLOW_HTTP_SHOPS, ALLOWED_SHOP_PORTS and ALLOWED_SHOP_NETWORKS.

    `hosts`: the only allowed names, if they are known. Raises PlatformError SHOP_ADDRESS_REFUSED for http and loopback
    without `allow_http`, for other ports and hosts, and for URLs with a user, a query or a fragment. With `allow_http`,
    loopback may be called by http on any port: fakes of shops run there. The transport checks what names resolve to.
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
    if parts.scheme == "http" and not allow_http:
        raise refused("The address of the shop must start with https://: over plain http anyone may read along.")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    loopback = allow_http and parts.scheme == "http"
    if not (loopback and names_loopback(host)):
        if names_loopback(host) and not _is_within(host, networks):
            raise refused("The address of the shop leads to this machine, which is not called.")
        _check_origin(host, port, ports, hosts)
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return ShopAddress(base, parts.scheme, host, port, loopback, tuple(networks))


def _is_within(host: str, networks: Collection[Network]) -> bool:
    # A name counts once it is resolved.
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _check_origin(host: str, port: int, ports: Collection[int], hosts: Collection[str]) -> None:
    if hosts and (host not in hosts or port != DEFAULT_PORTS["https"]):
        raise refused("The address of the authorisation server must be the platform's own: " + ", ".join(sorted(hosts)))
    if port not in ports:
        listed = ", ".join(map(str, sorted(ports)))
        raise refused(f"The address of the shop has a port that is not called; allowed are {listed}.")


def names_loopback(host: str) -> bool:
    """Whether the text itself names this machine; resolves nothing."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_connect(address: Address, *, loopback: bool, networks: Collection[Network] = ()) -> bool:
    """Whether an address is public, in one of `networks`, or this machine with `loopback`.

    IPv4 hidden in IPv6 is checked as IPv4.
    """
    plain = _unwrapped(address)
    if any(plain in network for network in networks):
        return True
    if plain.is_loopback:
        return loopback
    if isinstance(plain, ipaddress.IPv6Address) and plain not in GLOBAL_UNICAST:
        return False
    return plain.is_global and not plain.is_multicast and not any(plain in network for network in SPECIAL)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address in MAPPED or address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if address in SIX_TO_FOUR:
            return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def resolve(
    host: str,
    port: int,
    *,
    loopback: bool,
    networks: Collection[Network] = (),
    look_up: LookUp = socket.getaddrinfo,
) -> list[str]:
    """All addresses of a name. Raises PlatformError if any is not allowed, httpcore.ConnectError if there is none.

    The resolver has its own time limits (resolv.conf); Python offers none.
    """
    try:
        found = look_up(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError("the name was not found") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    plain = [ipaddress.ip_address(text.partition("%")[0]) for text in addresses]
    if not all(may_connect(address, loopback=loopback, networks=networks) for address in plain):
        raise refused("The address of the shop leads into a private network, which is not called.")
    return addresses


class GuardedBackend(httpcore.SyncBackend):
    """Connects to allowed addresses only. Resolves a name once per connection and connects to that result."""

    def __init__(
        self, *, loopback: bool, networks: Collection[Network] = (), look_up: LookUp = socket.getaddrinfo
    ) -> None:
        self._loopback = loopback
        self._networks = networks
        self._look_up = look_up

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the addresses in the resolver's order; raise the last failure."""
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in resolve(host, port, loopback=self._loopback, networks=self._networks, look_up=self._look_up):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    # Cached: reading the authorities' certificates takes longer than many calls.
    return httpx.create_ssl_context()


class GuardedTransport(httpx.HTTPTransport):
    """httpx's transport over guarded connections. Certificates are checked against the name, not the address."""

    def __init__(self, address: ShopAddress) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx has no public way to set a network backend. Its version is pinned, and a test checks this.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(loopback=address.loopback, networks=address.networks),
        )


def guarded_client(address: ShopAddress, timeout: httpx.Timeout) -> httpx.Client:
    """A client for one shop: guarded, without redirects, cookies, or proxies from the environment."""
    return httpx.Client(
        transport=GuardedTransport(address),
        timeout=timeout,
        headers={"Accept-Encoding": ACCEPT_ENCODING},
        follow_redirects=False,
        trust_env=False,
    )

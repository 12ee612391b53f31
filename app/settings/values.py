"""Parsers of settings: each reads the text of a variable, and raises ValueError that says what it should be."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

MIN_SECRET_KEY_CHARACTERS = 32
MOST_PROXIES = 8
USER_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")

Network = IPv4Network | IPv6Network
INNER_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose X-Forwarded headers are trusted: the last `count` hops, or the proxies in `networks`."""

    count: int = 0
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ErpUser:
    """A Redis user of an ERP, and the stores that it may send events for (None: every store)."""

    name: str
    stores: frozenset[UUID] | None


def text(value: str) -> str:
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def parse(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def ports(value: str) -> frozenset[int]:
    listed = [entry.strip() for entry in value.split(",")]
    if not all(
        entry.isascii() and entry.isdecimal() and len(entry) <= 5 and 1 <= int(entry) <= 65535 for entry in listed
    ):
        raise ValueError("a list of ports from 1 to 65535, separated by commas")
    return frozenset(map(int, listed))


NO_NETWORKS: tuple[Network, ...] = ()


def private_networks(value: str) -> tuple[Network, ...]:
    """Networks that are not on the internet, without those in which clouds keep their metadata."""
    try:
        listed = tuple(ip_network(entry.strip()) for entry in value.split(","))
    except ValueError:
        raise ValueError("a list of networks such as 192.168.0.0/16, separated by commas") from None
    if not all(any(_contains(inner, one) for inner in INNER_NETWORKS) for one in listed):
        raise ValueError("a list of networks inside " + ", ".join(map(str, INNER_NETWORKS)))
    return listed


def _contains(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return parse


def yes_or_no(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower() == "true"


def url(*schemes: str) -> Callable[[str], str]:
    """A URL with one of these schemes."""

    def parse(value: str) -> str:
        if urlsplit(value).scheme not in schemes or not value.isprintable():
            raise ValueError("a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return value

    return parse


def https_url(value: str) -> str:
    """A URL with https, or with http on this machine."""
    parts = urlsplit(value)
    if not parts.hostname or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not _is_here(parts)):
        raise ValueError("a URL that starts with https://, or with http:// for a receiver on this machine")
    return value


def _is_here(parts: SplitResult) -> bool:
    try:
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def webhook_secret(value: str) -> str:
    """A key in the format of Standard Webhooks."""
    prefix, _, encoded = value.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if prefix != "whsec" or not 24 <= len(key) <= 64:
        raise ValueError(
            'whsec_ and 24 to 64 bytes in base64, for example from: echo "whsec_$(openssl rand -base64 32)"'
        )
    return value


def secret(value: str) -> str:
    if len(value) < MIN_SECRET_KEY_CHARACTERS:
        raise ValueError(f"at least {MIN_SECRET_KEY_CHARACTERS} characters, for example from: openssl rand -hex 32")
    return value


def erp_users(value: str) -> tuple[ErpUser, ...]:
    try:
        users = tuple(_erp_user(each) for each in value.split(";") if each.strip())
    except ValueError:
        users = ()
    if not users or len({user.name for user in users}) < len(users):
        raise ValueError("name=STORE,STORE for each user once, separated by semicolons; * stands for every store")
    return users


def _erp_user(entry: str) -> ErpUser:
    name, _, stores = (part.strip() for part in entry.partition("="))
    if not USER_NAME.fullmatch(name):
        raise ValueError
    return ErpUser(name, None if stores == "*" else frozenset(UUID(store.strip()) for store in stores.split(",")))


def proxies(value: str) -> TrustedProxies:
    if value.isdecimal() and int(value) <= MOST_PROXIES:
        return TrustedProxies(count=int(value))
    try:
        return TrustedProxies(networks=tuple(ip_network(each.strip()) for each in value.split(",")))
    except ValueError:
        raise ValueError(
            f"addresses or networks, as 192.0.2.7,10.0.0.0/16, or a number from 0 to {MOST_PROXIES}"
        ) from None


def secrets(value: str) -> tuple[str, ...]:
    try:
        return tuple(secret(part.strip()) for part in value.split(","))
    except ValueError as error:
        raise ValueError(f"keys separated by commas, each {error}") from None


def moment(value: str) -> str:
    try:
        has_zone = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone or "T" not in value:
        raise ValueError("a time with a time zone, for example 2027-01-01T00:00:00Z")
    return value

"""Which addresses count as one client."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

NETWORK_BITS = 64  # what a provider gives to one customer


def client_of(address: str | None) -> str:
    """An IPv4 address, or the /64 network of an IPv6 address, whose owner can use any address in it."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> NETWORK_BITS << NETWORK_BITS))

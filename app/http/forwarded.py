"""The client's address, and whether it used https, where a proxy stands before the API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.settings.environment import Settings
from app.settings.values import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HSTS = "max-age=31536000"  # of this host alone: what else runs below the domain is not ours to decide


def trust_proxies(app: Flask, settings: Settings) -> None:
    """Believe the forwarded headers of the proxies in TRUSTED_PROXIES, which names them by address or counts them."""
    trusted = settings.trusted_proxies
    if trusted.networks:
        app.wsgi_app = ForwardedHeaders(app.wsgi_app, trusted.networks)  # type: ignore[method-assign]
    elif trusted.count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted.count, x_proto=trusted.count)  # type: ignore[method-assign]
    if settings.force_https:
        app.wsgi_app = AlwaysHttps(app.wsgi_app)  # type: ignore[method-assign]


class ForwardedHeaders:
    """Reads X-Forwarded-For from its end, as far as the addresses are proxies; the next one is the client."""

    def __init__(self, app: WSGIApplication, networks: Sequence[Network]) -> None:
        self.app = app
        self.networks = networks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = _address(environ.get("REMOTE_ADDR", ""))
        if peer is not None and self._is_proxy(peer):
            environ["REMOTE_ADDR"] = str(self._client(peer, environ.get("HTTP_X_FORWARDED_FOR", "")))
            # The last value is the one that the proxy itself wrote.
            proto = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip()
            if proto in ("http", "https"):
                environ["wsgi.url_scheme"] = proto
        return self.app(environ, start_response)

    def _client(self, peer: IPv4Address | IPv6Address, chain: str) -> IPv4Address | IPv6Address:
        client = peer
        for text in reversed(chain.split(",")):
            address = _address(text)
            if address is None:
                break  # not written by a trusted proxy
            client = address
            if not self._is_proxy(address):
                break
        return client

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


class AlwaysHttps:
    """For an API that is only reached over https: cookies and HSTS must not depend on a header that a proxy may forget."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        return self.app(environ, start_response)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    # Some load balancers add a port.
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

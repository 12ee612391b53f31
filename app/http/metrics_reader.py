"""Who may read /metrics: the holder of METRICS_TOKEN or, without that setting, a program on this machine."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from flask import Request, request

from app.http.auth import bearer_token, unauthorized
from app.http.errors import ApiError
from app.http.services import services

PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def check_metrics_reader() -> None:
    """Raises ApiError 401 for a wrong token, 403 for another machine where no token is set."""
    wanted = services().settings.metrics_token
    if wanted is None:
        if not _comes_straight_from_here(request):
            raise ApiError("FORBIDDEN", "metrics of all stores are read on this machine, or with METRICS_TOKEN")
        return
    given = bearer_token()
    if given is None or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode()):
        raise unauthorized()


def _comes_straight_from_here(asked: Request) -> bool:
    # A proxy on this machine has its address too, but gives itself away: by a header, by the public name in Host, or by
    # HTTP/1.0, which nginx speaks by default and Prometheus does not.
    return (
        _is_loopback(asked.remote_addr or "")
        and not any(name in asked.headers for name in PROXY_HEADERS)
        and asked.environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        and _names_loopback(asked.headers.get("Host", ""))
    )


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _names_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)

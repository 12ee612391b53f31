"""GET /metrics for Prometheus: with a token where one is set, else only straight from this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Request, Response, request

from app.http.auth import bearer_token, unauthorized
from app.http.errors import ApiError
from app.http.services import services
from app.metrics.exposition import expose

P = ParamSpec("P")
T = TypeVar("T")

blueprint = Blueprint("metrics", __name__)

SIGNS_OF_A_PROXY = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def metrics_reader_required(view: Callable[P, T]) -> Callable[P, T]:
    """Only for whoever holds METRICS_TOKEN; where none is set, for programs on this machine that come without a proxy."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        wanted = services().settings.metrics_token
        if wanted is not None:
            given = bearer_token()
            if given is None or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode()):
                raise unauthorized()
        elif not comes_straight_from_here(request):
            raise ApiError("FORBIDDEN", "figures of all stores are read on this machine, or with METRICS_TOKEN")
        return view(*args, **kwargs)

    guarded.requires = "metrics"  # type: ignore[attr-defined]  # read by the test that walks all routes
    return guarded


def comes_straight_from_here(asked: Request) -> bool:
    """Whether the caller is this machine itself. A proxy on this machine has its address as well, but gives itself away: by a
    header, by the public name in Host, or by HTTP/1.0, which nginx speaks by default and Prometheus does not."""
    return (
        _is_loopback(asked.remote_addr or "")
        and not any(name in asked.headers for name in SIGNS_OF_A_PROXY)
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


@blueprint.get("/metrics")
@metrics_reader_required
def metrics() -> Response:
    """All stores together: counts and ages, no id and nothing of a store's data."""
    services().pool_watch.look()
    page, content_type = expose(services().facts, request.headers.get("Accept", ""))
    return Response(page, content_type=content_type)

"""GET /openapi.json and /docs: the contract, for machines and for people. Made once a process, when first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import msgspec
from flask import Blueprint, Response, request

from app.http.services import services
from app.openapi.document import build_document
from app.openapi.page import POLICY, render_page
from app.settings.environment import Settings

blueprint = Blueprint("contract", __name__)


@dataclass(frozen=True, slots=True)
class _Made:
    body: bytes
    tag: str


def _once(make: Callable[[Settings], bytes]) -> Callable[[], _Made]:
    """What `make` returns for this process's settings, made at the first call."""
    kept: dict[Settings, _Made] = {}
    lock = Lock()

    def made() -> _Made:
        settings = services().settings
        with lock:
            if settings not in kept:
                body = make(settings)
                kept[settings] = _Made(body, hashlib.sha256(body).hexdigest()[:20])
            return kept[settings]

    return made


_document = _once(lambda settings: msgspec.json.encode(build_document(settings)))
_page = _once(lambda settings: render_page(build_document(settings)).encode())


@blueprint.get("/openapi.json")
def get_contract() -> Response:
    """The OpenAPI document."""
    return _answer(_document(), "application/json")


@blueprint.get("/docs")
def get_docs() -> Response:
    """The same as a page: no script, and nothing from elsewhere."""
    response = _answer(_page(), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _answer(made: _Made, content_type: str) -> Response:
    response = Response(made.body, content_type=content_type)
    response.set_etag(made.tag)
    response.headers["Cache-Control"] = "public, no-cache"  # kept by whoever likes, asked for again each time
    response.make_conditional(request)
    return response

"""GET /openapi.json and /docs: the contract, for machines and for people. Built at the first request of each process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request

from app.http.operation import Answer, operations_of
from app.http.serve import operation
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


def _build(settings: Settings) -> dict[str, Any]:
    return build_document(settings, operations_of(current_app))


_document = _once(lambda settings: msgspec.json.encode(_build(settings)))
_page = _once(lambda settings: render_page(_build(settings)).encode())
UNCHANGED = Answer(304, "Nothing has changed since that ETag.", headers=("ETag",))


@operation(
    blueprint,
    "get",
    "/openapi.json",
    name="getContract",
    tag="Service",
    summary="This contract",
    about="OpenAPI 3.1.",
    access=None,
    headers=("If-None-Match",),
    answers=(
        Answer(200, "The document.", raw={"type": "object"}, example={"openapi": "3.1.0"}, headers=("ETag",)),
        UNCHANGED,
    ),
)
def get_contract() -> Response:
    return _answer(_document(), "application/json")


@operation(
    blueprint,
    "get",
    "/docs",
    name="getDocs",
    tag="Service",
    summary="This contract as a page",
    about="Without a script, and without anything from elsewhere.",
    access=None,
    headers=("If-None-Match",),
    answers=(
        Answer(
            200,
            "The page.",
            raw={"type": "string"},
            mimetype="text/html",
            example="<!doctype html>…",
            headers=("ETag", "Content-Security-Policy"),
        ),
        UNCHANGED,
    ),
)
def get_docs() -> Response:
    response = _answer(_page(), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _answer(made: _Made, content_type: str) -> Response:
    response = Response(made.body, content_type=content_type)
    response.set_etag(made.tag)
    response.headers["Cache-Control"] = "public, no-cache"  # may be cached, but must be revalidated
    response.make_conditional(request)
    return response

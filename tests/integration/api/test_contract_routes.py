"""/openapi.json and /docs: for anyone, kept by whoever asked before, and never blocked by a database that is away."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection

from app.http.operation import Operation
from app.openapi.page import POLICY
from app.usecases.stores import create_store
from schemas.platforms.registry import PLATFORMS
from tests.support.contract import OPERATIONS
from tests.support.pipeline import bearer

WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
REFUSED = ((400, "INVALID_JSON"), (400, "VALIDATION_ERROR"), (411, "LENGTH_REQUIRED"))


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_unchanged_contract_answers_304(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(path, headers={"If-None-Match": '"another"'})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.data == b"" and again.headers["ETag"] == first.headers["ETag"]
    assert other.data == first.data
    assert first.headers["Cache-Control"] == "public, no-cache"


def test_document_is_json_and_page_has_a_policy(client: FlaskClient) -> None:
    document, page = client.get("/openapi.json"), client.get("/docs")
    assert document.mimetype == "application/json"
    assert json.loads(document.data)["openapi"].startswith("3.1.")
    assert page.mimetype == "text/html"
    assert page.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_wrong_method_of_the_contract_answers_405(client: FlaskClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_no_view_is_without_an_operation(app: Flask) -> None:
    """Apart from the console's pages and their files, whose access `store_page` and its like declare."""
    undeclared = {name for name, view in app.view_functions.items() if not getattr(view, "operations", ())}
    assert {name for name in undeclared if not name.startswith("console.")} == {"root"}  # leads to the console
    assert len(undeclared) < len(app.view_functions)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"orders":NaN}', b"\xff"])
@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
def test_body_that_can_not_be_read_is_refused(
    client: FlaskClient, conn: Connection, operation: Operation, body: bytes
) -> None:
    platform = next((name for name in PLATFORMS if f"/{name}/" in operation.path), "shopify")
    token = create_store(conn, "Test shop", platform, role="admin").token
    path = operation.path.replace("{entity}", "orders")
    headers = bearer(token) | {"Content-Type": "application/json"}
    answer = client.open(path, method=operation.method.upper(), data=body, headers=headers)
    if body or (operation.body is not None and operation.body.required):
        assert (answer.status_code, (answer.json or {})["error"]["code"]) in REFUSED
    else:
        assert answer.status_code < 500

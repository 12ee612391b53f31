"""/openapi.json and /docs: for anyone, kept by whoever asked before, and never blocked by a database that is away."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.openapi.page import POLICY


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_what_has_not_changed_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(path, headers={"If-None-Match": '"another"'})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.data == b"" and again.headers["ETag"] == first.headers["ETag"]
    assert other.data == first.data
    assert first.headers["Cache-Control"] == "public, no-cache"


def test_the_document_is_json_and_the_page_is_guarded(client: FlaskClient) -> None:
    document, page = client.get("/openapi.json"), client.get("/docs")
    assert document.mimetype == "application/json"
    assert json.loads(document.data)["openapi"].startswith("3.1.")
    assert page.mimetype == "text/html"
    assert page.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_another_method_is_told_which_are_allowed(client: FlaskClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_no_view_is_without_an_operation(app: Flask) -> None:
    """Apart from the console's pages and their files, whose access `store_page` and its like declare."""
    undeclared = {name for name, view in app.view_functions.items() if not getattr(view, "operations", ())}
    assert {name for name in undeclared if not name.startswith("console.")} == set()
    assert len(undeclared) < len(app.view_functions)

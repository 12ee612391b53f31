"""The console without a browser: signing in, forms with their CSRF token, and pages as text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.factory import create_app
from app.services import EXTENSION
from app.settings import Settings
from tests.outbound import SECRET_KEY

CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@contextmanager
def console_app(settings: Settings, database_url: str, redis_url: str) -> Iterator[Flask]:
    """The application that can keep credentials; its connections are closed at the end."""
    app = create_app(replace(settings, secret_key=SECRET_KEY), database_url, redis_url)
    try:
        yield app
    finally:
        app.extensions[EXTENSION].pool.close()
        app.extensions[EXTENSION].wake_up.redis.close()


@dataclass(frozen=True)
class Visitor:
    """One browser, as far as cookies go."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(f"/console{path}")

    def read(self, path: str) -> str:
        """The text of a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, words_of(answer))
        return words_of(answer)

    def post(self, path: str, form_on: str, **fields: object) -> TestResponse:
        """Send a form of the page `form_on`, with that page's CSRF token."""
        token = csrf_of(self.get(form_on))
        sent = {name: str(value) for name, value in fields.items()}
        return self.client.post(f"/console{path}", data={"csrf": token} | sent)

    def sign_in(self, token: str) -> TestResponse:
        return self.post("/login", "/login", token=token)


def visitor(app: Flask, token: str | None = None) -> Visitor:
    """A browser of its own, signed in where a token is given."""
    made = Visitor(app.test_client())
    if token is not None:
        assert made.sign_in(token).status_code == 302
    return made


def csrf_of(answer: TestResponse) -> str:
    found = CSRF.search(answer.text)
    assert found is not None, f"no form on a page of status {answer.status_code}"
    return found[1]


def words_of(answer: TestResponse) -> str:
    """What is to be read on a page: no tags, no runs of white space."""
    body = re.sub(r"<head>.*?</head>|<script.*?</script>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def place(store_id: UUID, rest: str = "/") -> str:
    return f"/{store_id}{rest}"

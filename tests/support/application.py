"""The API in the test's own process, without a web server before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app.http.services import EXTENSION
from app.server.factory import create_app
from app.settings.environment import Settings


@contextmanager
def application(settings: Settings, database_url: str, redis_url: str) -> Iterator[Flask]:
    """The application over these servers; its connections are closed at the end."""
    app = create_app(settings, database_url, redis_url)
    try:
        yield app
    finally:
        app.extensions[EXTENSION].pool.close()
        app.extensions[EXTENSION].wake_up.redis.close()

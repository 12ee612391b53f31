"""A missing EMAIL_HASH_KEY is reported once in the log, and on the console's System page."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from psycopg import Connection
from structlog.testing import capture_logs

from app.metrics.processes import VARIABLE as METRICS_FOLDER
from app.settings.environment import Settings
from app.stack.state import Running, write_running
from app.usecases.stores import Origin, create_operator, create_store
from schemas.base.key_ids import key_id
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.console import visitor

KEY = "k" * 32
OWN = {"DATABASE_URL": "postgresql://a@127.0.0.1:1/b", "REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": KEY}


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """gunicorn's settings as a production API reads them."""
    for name, value in (OWN | {"DATA_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(METRICS_FOLDER, "")  # the module sets it, and later tests would count into that folder
    module = importlib.import_module("app.server.gunicorn_conf")
    monkeypatch.setattr(module, "configure_logging", lambda *_words: None)
    yield importlib.reload(module)
    monkeypatch.undo()


def events_of_start(module: ModuleType) -> list[str]:
    module.configure_logging = lambda *_words: None  # type: ignore[attr-defined]
    with capture_logs() as lines:
        module.on_starting(None)
    return [line["event"] for line in lines]


def test_production_start_without_an_email_key_says_so(warned: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert events_of_start(warned) == ["email_hash_key_missing"]
    monkeypatch.setenv("EMAIL_HASH_KEY", KEY)
    assert events_of_start(importlib.reload(warned)) == []


def test_embedded_start_without_an_email_key_is_quiet(warned: ModuleType, tmp_path: Path) -> None:
    write_running(tmp_path, Running(1, "http://127.0.0.1:8000", "now", embedded=True, serving=True))
    assert events_of_start(warned) == []


def page_of(app: Flask, owner_conn: Connection) -> str:
    return visitor(app, create_operator(owner_conn, Origin("test"))).read("/system")


def test_system_page_warns_without_an_email_key(app: Flask, owner_conn: Connection) -> None:
    page = page_of(app, owner_conn)
    assert "EMAIL_HASH_KEY is not set" in page and "plain SHA-256" in page
    assert "PostgreSQL" in page and "Redis" in page


def test_system_page_names_keys_and_shows_none(
    settings: Settings, database: Database, servers: Servers, owner_conn: Connection
) -> None:
    keyed = replace(settings, secret_key=KEY, secret_key_old=("o" * 32,), email_hash_key="e" * 32)
    with application(keyed, database.url, servers.redis.url) as app:
        page = page_of(app, owner_conn)
    assert "EMAIL_HASH_KEY is not set" not in page
    assert all(key_id(key) in page for key in (KEY, "o" * 32, "e" * 32))
    assert not any(key in page for key in (KEY, "o" * 32, "e" * 32))


def test_system_page_is_for_operators_alone(app: Flask, conn: Connection) -> None:
    admin = create_store(conn, "Shop", "woocommerce", role="admin")
    assert visitor(app, admin.token).get("/system").status_code == 404
    assert visitor(app).get("/system").status_code == 302

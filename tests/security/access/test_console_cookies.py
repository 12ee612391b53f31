"""Behind a TLS proxy: which headers are trusted, and which cookies and headers https adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from app.settings.environment import load_settings
from tests.conftest import Database, Servers
from tests.support.console import World, console_app, csrf_of

CLIENT, PROXY, FIRST_PROXY = "203.0.113.9", "10.1.0.2", "192.0.2.7"
NETWORKS = f"10.1.0.0/16, {FIRST_PROXY}"


@contextmanager
def app_with(servers: Servers, database: Database, **settings: str) -> Iterator[Flask]:
    made = replace(load_settings(settings), data_dir=servers.root)
    with console_app(made, database.url, servers.redis.url) as app:
        yield app


def form(app: Flask, address: str, forwarded_for: str = CLIENT, proto: str = "https") -> TestResponse:
    said = {"X-Forwarded-For": forwarded_for, "X-Forwarded-Proto": proto}
    return app.test_client().get("/console/login", headers=said, environ_base={"REMOTE_ADDR": address})


def is_secure(answer: TestResponse) -> bool:
    """All or nothing: cookie, its name and HSTS."""
    cookie = answer.headers["Set-Cookie"]
    facts = {
        cookie.startswith("__Host-sluice_console"),
        {"Secure", "Path=/"} <= set(cookie.split("; ")),
        "max-age=31536000" in answer.headers.get("Strict-Transport-Security", ""),
    }
    assert len(facts) == 1, (cookie, answer.headers)
    return facts.pop()


@pytest.mark.parametrize(
    ("settings", "address", "secure"),
    [
        ({"TRUSTED_PROXIES": NETWORKS}, PROXY, True),
        ({"TRUSTED_PROXIES": NETWORKS}, FIRST_PROXY, True),
        ({"TRUSTED_PROXIES": NETWORKS}, CLIENT, False),
        ({"TRUSTED_PROXIES": "1"}, PROXY, True),
        ({"TRUSTED_PROXIES": "0"}, PROXY, False),
        ({}, PROXY, False),
        ({"FORCE_HTTPS": "true"}, CLIENT, True),
    ],
)
def test_only_a_trusted_proxy_sets_the_scheme(
    servers: Servers, database: Database, settings: dict[str, str], address: str, secure: bool
) -> None:
    with app_with(servers, database, **settings) as app:
        assert is_secure(form(app, address)) is secure


def test_proto_of_a_proxy_is_believed_in_both_directions(servers: Servers, database: Database) -> None:
    with app_with(servers, database, TRUSTED_PROXIES=NETWORKS) as app:
        answers = [is_secure(form(app, PROXY, proto=proto)) for proto in ("https", "http", "https, http", "ftp")]
    assert answers == [True, False, False, False]


@pytest.mark.parametrize(
    ("address", "forwarded_for", "seen"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{CLIENT}, {FIRST_PROXY}", CLIENT),
        (PROXY, f"10.1.0.77, {CLIENT}, {FIRST_PROXY}", CLIENT),
        (PROXY, f"{CLIENT}:4711, {FIRST_PROXY}", CLIENT),
        (PROXY, "[2001:db8::1]:4711", "2001:db8::1"),
        (PROXY, f"1.2.3.4, nonsense, {FIRST_PROXY}", FIRST_PROXY),
        (PROXY, "", PROXY),
        (CLIENT, "10.1.0.77", CLIENT),
    ],
)
def test_client_is_the_last_address_that_is_no_proxy(
    servers: Servers, database: Database, address: str, forwarded_for: str, seen: str
) -> None:
    with app_with(servers, database, TRUSTED_PROXIES=NETWORKS) as app:
        addresses: list[str | None] = []
        answer_to(app, addresses)
        form(app, address, forwarded_for)
    assert addresses == [seen]


def answer_to(app: Flask, addresses: list[str | None]) -> None:
    """Have each request's client address noted."""
    app.before_request(lambda: addresses.append(request.remote_addr))


@pytest.fixture
def https_app(servers: Servers, database: Database) -> Iterator[Flask]:
    with app_with(servers, database, FORCE_HTTPS="true") as app:
        yield app


def test_signing_in_and_out_works_with_host_cookies(https_app: Flask, world: World) -> None:
    browser = https_app.test_client()
    base = {"base_url": "https://localhost"}
    sent = {"csrf": csrf_of(browser.get("/console/login", **base)), "token": world.full.token}
    signed = browser.post("/console/login", data=sent, **base)
    assert signed.status_code == 302
    assert browser.get_cookie("__Host-sluice_console") is not None
    assert browser.get_cookie("__Host-sluice_console_login") is None
    page = browser.get(f"/console/{world.full.store_id}/", **base)
    assert page.status_code == 200
    out = browser.post("/console/logout", data={"csrf": csrf_of(page)}, **base)
    assert out.status_code == 302
    assert browser.get_cookie("__Host-sluice_console") is None


def test_cookie_without_the_prefix_is_ignored_over_https(https_app: Flask, world: World) -> None:
    """Another host of the domain may set such a cookie, but none with the prefix."""
    browser = world.app.test_client()
    sent = {"csrf": csrf_of(browser.get("/console/login")), "token": world.full.token}
    browser.post("/console/login", data=sent)
    cookie = browser.get_cookie("sluice_console", path="/console")
    assert cookie is not None
    other = https_app.test_client()
    other.set_cookie("sluice_console", cookie.value, path="/console")
    assert other.get(f"/console/{world.full.store_id}/").status_code == 302


@pytest.mark.parametrize("path", ["/healthz", "/api/sync/status", "/api/nothing", "/console/login"])
def test_every_https_answer_has_hsts(https_app: Flask, world: World, path: str) -> None:
    assert https_app.test_client().get(path).headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in world.app.test_client().get(path).headers

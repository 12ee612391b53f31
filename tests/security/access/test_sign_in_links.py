"""One-use links to sign in: used once, within their hour, by the browser that asked, and never as a cookie."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from werkzeug.test import TestResponse

from app.console.sessions import COOKIE
from app.usecases.sign_in_links import link_hash, make_link
from app.usecases.stores import create_store, revoke_all
from db.stores.console_sessions import use_link
from tests.conftest import Database
from tests.support.console import Visitor, World, place, visitor, words_of

BASE = "http://127.0.0.1:8000"


@pytest.fixture
def link(world: World, database: Database) -> str:
    """The link's path on this host."""
    with psycopg.connect(database.url, autocommit=True) as conn:
        return make_link(conn, BASE, world.full.token).removeprefix(BASE).removeprefix("/console")


def follow(guest: Visitor, link: str) -> TestResponse:
    return guest.post("/sign-in", link, link=secret_of(link))


def secret_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["link"][0]


def test_a_link_opens_its_tokens_store(world: World, link: str) -> None:
    guest = visitor(world.app)
    assert follow(guest, link).location == "/console/"
    assert guest.get(place(world.full.store_id)).status_code == 200
    assert guest.get(place(world.empty.store_id)).status_code == 404


def test_a_link_works_once(world: World, link: str) -> None:
    follow(visitor(world.app), link)
    late = visitor(world.app)
    answer = follow(late, link)
    assert answer.status_code == 401
    assert "used already" in words_of(answer)
    assert late.get("/").status_code == 302


def test_looking_at_a_link_does_not_use_it(world: World, link: str) -> None:
    assert visitor(world.app).get(link).status_code == 200
    assert follow(visitor(world.app), link).status_code == 302


def test_a_link_needs_the_form_of_the_same_browser(world: World, link: str) -> None:
    sent = {"csrf": "0" * 64, "link": secret_of(link)}
    guest = visitor(world.app)
    assert guest.client.post("/console/sign-in", data=sent).status_code == 403
    assert guest.get("/").status_code == 302


def test_a_links_secret_is_no_cookie(world: World, link: str) -> None:
    guest = visitor(world.app)
    guest.client.set_cookie(COOKIE, secret_of(link), path="/console")
    assert guest.get("/").status_code == 302


def test_a_link_ends_with_its_token(world: World, database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        store = create_store(conn, "Revoked", "woocommerce")
        made = make_link(conn, "", store.token).removeprefix("/console")
        revoke_all(conn, store.store_id)
    assert follow(visitor(world.app), made).status_code == 401


def test_a_link_ends_after_its_time(link: str, database: Database) -> None:
    stored = link_hash(secret_of(link))
    end = "UPDATE console_sessions SET expires_at = now() - interval '1 s' WHERE session_sha256 = %s"
    with psycopg.connect(database.superuser_url, autocommit=True) as root:
        assert root.execute(end, (stored,)).rowcount == 1
    with psycopg.connect(database.url, autocommit=True) as conn:
        assert use_link(conn, stored, b"s" * 32, 60.0) is None

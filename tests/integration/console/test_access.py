"""Access to the console: signing in, sessions, stores, and CSRF tokens."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import replace

import pytest
from psycopg import Connection
from werkzeug.test import TestResponse

from app.console.sign_in_attempts import MOST_FAILURES
from app.settings.environment import load_settings
from app.usecases.stores import create_store, revoke_all
from tests.conftest import Database, Servers
from tests.support.console import STORE_PAGES, Visitor, World, console_app, csrf_of, place, visitor, words_of
from workers.core.ids import new_id

# Getting in


def test_sign_in_returns_to_the_requested_page(world: World) -> None:
    answer = visitor(world.app).get(place(world.full.store_id, "/history?status=failed"))
    assert answer.status_code == 302
    assert answer.location.startswith("/console/login?next=/console/")
    assert "status%3Dfailed" in answer.location or "status=failed" in answer.location
    form = visitor(world.app).client.get(answer.location)
    signed = visitor(world.app)
    signed.client.get(answer.location)
    sent = {"csrf": csrf_of(signed.client.get(answer.location)), "token": world.full.token, "next": next_of(form)}
    assert signed.client.post("/console/login", data=sent).location == next_of(form)


def next_of(answer: TestResponse) -> str:
    found = re.search(r'name="next" value="([^"]*)"', answer.text)
    assert found is not None
    return html.unescape(found[1])


def test_a_live_part_without_a_session_redirects_the_page(world: World) -> None:
    answer = visitor(world.app).client.get(f"/console/{world.full.store_id}/live", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/console/login"


@pytest.mark.parametrize("asked", ["https://evil.example/", "//evil.example/", "/console/\\evil", "/api/sync/jobs"])
def test_sign_in_never_redirects_to_another_site(world: World, asked: str) -> None:
    answer = visitor(world.app).post("/login", "/login", token=world.full.token, next=asked)
    assert answer.location == "/console/"


@pytest.mark.parametrize("token", ["", "slc_wrong", "slc_\x00", "ü" * 50])
def test_a_wrong_token_opens_no_session(world: World, token: str) -> None:
    stranger = visitor(world.app)
    answer = stranger.sign_in(token)
    assert answer.status_code == 401
    assert "token" in words_of(answer)
    assert stranger.get("/").status_code == 302


def test_the_cookie_is_restricted_and_holds_no_token(world: World, root_conn: Connection) -> None:
    answer = visitor(world.app).sign_in(world.full.token)
    (cookie,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("sluice_console=")]
    assert {"HttpOnly", "Path=/console", "SameSite=Strict"} <= set(cookie.split("; "))
    assert world.full.token not in cookie
    secret = cookie.split("=", 1)[1].split(";")[0]
    kept = root_conn.execute("SELECT session_sha256 FROM console_sessions").fetchall()
    assert hashlib.sha256(secret.encode()).digest() in [row[0] for row in kept]
    assert secret.encode() not in b"".join(row[0] for row in kept)


def test_over_https_the_cookie_is_secure(world: World) -> None:
    page = world.app.test_client()
    form = page.get("/console/login", base_url="https://localhost")
    sent = {"csrf": csrf_of(form), "token": world.full.token}
    answer = page.post("/console/login", data=sent, base_url="https://localhost")
    assert all("Secure" in line for line in answer.headers.getlist("Set-Cookie") if "Max-Age=43200" in line)
    assert answer.status_code == 302


def test_only_a_trusted_proxy_sets_address_and_scheme(servers: Servers, database: Database, world: World) -> None:
    settings = replace(load_settings({"TRUSTED_PROXIES": "1"}), data_dir=servers.root)
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    with console_app(settings, database.url, servers.redis.url) as behind_proxy:
        behind, straight = (app.test_client().get("/console/login", headers=said) for app in (behind_proxy, world.app))
    assert ["Secure" in answer.headers["Set-Cookie"] for answer in (behind, straight)] == [True, False]


def test_signing_out_ends_the_session_everywhere(world: World, admin: Visitor) -> None:
    cookie = admin.client.get_cookie("sluice_console", path="/console")
    assert cookie is not None
    thief = visitor(world.app)
    thief.client.set_cookie("sluice_console", cookie.value, path="/console")
    assert thief.get(place(world.full.store_id)).status_code == 200
    assert admin.post("/logout", place(world.full.store_id)).location == "/console/login"
    assert thief.get(place(world.full.store_id)).location.startswith("/console/login")


def test_a_revoked_token_ends_its_sessions_at_once(world: World, conn: Connection) -> None:
    made = create_store(conn, "Leaky shop", "woocommerce")
    guest = visitor(world.app, made.token)
    assert guest.get(place(made.store_id)).status_code == 200
    revoke_all(conn, made.store_id)
    assert guest.get(place(made.store_id)).status_code == 302


def test_a_session_expires(world: World, root_conn: Connection) -> None:
    guest = visitor(world.app, world.empty.token)
    root_conn.execute("UPDATE console_sessions SET expires_at = now()")
    assert guest.get(place(world.empty.store_id)).status_code == 302


def test_too_many_wrong_tokens_are_refused(world: World) -> None:
    stranger = visitor(world.app)
    stranger.client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    answers = [stranger.sign_in("slc_too-often") for _ in range(MOST_FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [401] * MOST_FAILURES + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert stranger.sign_in(world.full.token).status_code == 302, "another token is not held liable"


# Walls


def theirs(world: World) -> list[str]:
    ids = [
        f"/logs/{world.done}",
        f"/logs/{world.done}/live",
        f"/logs/{world.done}/skipped.csv",
        f"/outbound/holds/{world.hold}",
    ]
    return [*STORE_PAGES, *ids, "/outbound/failed/price/REJECTED"]


def test_another_stores_pages_and_ids_answer_404(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    for page in theirs(world):
        answers = [guest.get(place(world.full.store_id, page)), guest.get(place(new_id(), page))]
        assert [answer.status_code for answer in answers] == [404, 404], page
        assert len({without_id(answer) for answer in answers}) == 1, page
    for page in theirs(world)[len(STORE_PAGES) : -1]:  # the ids of the other store below one's own address
        assert guest.get(place(world.empty.store_id, page)).status_code == 404, page


def without_id(answer: TestResponse) -> str:
    return re.sub(r"Request \w+", "", words_of(answer))


def test_operators_pages_answer_404_to_a_store(world: World, admin: Visitor) -> None:
    assert [admin.get(path).status_code for path in ("/stores", "/stores/live", "/stores/new")] == [404] * 3


def test_the_plugins_token_administers_nothing(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    own = world.empty.store_id
    for path in ("/store/tokens", "/store/tokens/rotate", "/store/credentials", f"/outbound/holds/{new_id()}/reject"):
        answer = guest.post(place(own, path), place(own, "/store"), role="admin")
        assert answer.status_code == 403, path
    assert "admin" in guest.read(place(own, "/store"))

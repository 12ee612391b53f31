"""Secrets that nobody can guess, and callers that may not try for long."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from app.console.sessions import COOKIE, PATH
from app.http.auth import TOKEN_PREFIX, new_token
from app.http.scopes import SCOPES, Grant, grant_of
from app.settings.environment import Settings
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.console import World, place, visitor
from tests.support.pipeline import bearer


def bits(secret: str) -> int:
    return 8 * len(base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)))


def test_token_and_session_have_256_random_bits(world: World) -> None:
    assert bits(new_token().removeprefix(TOKEN_PREFIX)) == 256
    cookie = visitor(world.app, world.full.token).client.get_cookie(COOKIE, path=PATH)
    assert cookie is not None and bits(cookie.value) == 256


def test_callers_of_api_and_console_have_a_limit(
    settings: Settings, database: Database, servers: Servers, world: World
) -> None:
    few = replace(settings, rate_limit_per_minute=3)
    with application(few, database.url, servers.redis.url) as app:
        client = app.test_client()
        api = {client.get("/api/sync/status", headers=bearer(world.full.token)).status_code for _ in range(20)}
        browser = visitor(app, world.full.token)
        pages = {browser.get(place(world.full.store_id)).status_code for _ in range(20)}
    assert api == pages == {200, 429}


def test_all_scopes_may_be_chosen_one_by_one() -> None:
    assert grant_of("", SCOPES) == Grant("custom", SCOPES)


@pytest.mark.parametrize(
    ("role", "chosen", "choices"),
    [("owner", (), "store, erp, admin"), ("", ("all",), "ingest, read, erp, pull, admin")],
)
def test_refused_grant_names_the_choices(role: str, chosen: tuple[str, ...], choices: str) -> None:
    with pytest.raises(ValueError, match=f": {choices}$"):
        grant_of(role, chosen)

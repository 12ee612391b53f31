"""Failed sign-ins count by token and by client, so that one visitor does not lock out others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from redis import Redis

from app.console import sign_in_attempts as attempts
from app.settings.environment import load_settings
from tests.conftest import Database, Servers
from tests.support.console import Visitor, World, console_app, visitor

PROXY = "10.1.0.2"


@pytest.fixture
def app(servers: Servers, database: Database, redis: Redis) -> Iterator[Flask]:
    settings = replace(load_settings({"TRUSTED_PROXIES": "1"}), data_dir=servers.root)
    with console_app(settings, database.url, servers.redis.url) as made:
        made.extensions["sluice_console_attempts"].clock = lambda: 90.0
        yield made


def guest(app: Flask, client: str | None = None) -> Visitor:
    """A browser behind the one proxy, which says whose call it is, or does not."""
    made = visitor(app)
    made.client.environ_base["REMOTE_ADDR"] = PROXY
    if client is not None:
        made.client.environ_base["HTTP_X_FORWARDED_FOR"] = client
    return made


def test_failures_at_a_shared_address_lock_out_no_one_else(app: Flask, world: World) -> None:
    attacker = guest(app)
    statuses = [attacker.sign_in("slc_guess-after-guess").status_code for _ in range(attempts.MOST_FAILURES + 1)]
    assert statuses == [401] * attempts.MOST_FAILURES + [429]
    assert guest(app).sign_in(world.full.token).status_code == 302


def test_failures_of_a_token_count_from_every_address(app: Flask, world: World) -> None:
    wrong = world.full.token[:20]
    statuses = [guest(app, f"203.0.113.{number}").sign_in(f"{wrong}{number}").status_code for number in range(11)]
    assert statuses == [401] * attempts.MOST_FAILURES + [429]


def test_a_client_may_not_try_token_after_token(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_FAILURES_OF_CLIENT", 5)
    attacker = guest(app, "203.0.113.7")
    statuses = [attacker.sign_in(f"slc_{number}-another-token").status_code for number in range(6)]
    assert statuses == [401] * 5 + [429]
    assert guest(app, "203.0.113.8").sign_in(world.full.token).status_code == 302
    assert attacker.sign_in(world.full.token).status_code == 429


def test_nothing_of_a_token_is_kept_in_redis(app: Flask, redis: Redis) -> None:
    guest(app).sign_in("slc_secret-that-is-not-ours")
    keys = b" ".join(redis.scan_iter("*"))
    assert keys and b"secret" not in keys

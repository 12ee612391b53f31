"""Shopify's expiring tokens, renewed one at a time, for both kinds of apps, against a fake on a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fakes.common.clock import FakeClock
from tests.fakes.common.reading import pages_of, read_at_once
from tests.fakes.common.token_store import memory_tokens
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.shopify.tokens import CLIENT_ID, CLIENT_SECRET, DAY, HOUR, TOKEN_PATH
from workers.platforms.common.address import read_shop_url
from workers.platforms.common.interface import PlatformError, Window
from workers.platforms.shopify.client import ShopifyRest
from workers.platforms.shopify.tokens import App

ORDERS = "/admin/api/2026-07/orders.json"
APP = App(CLIENT_ID, CLIENT_SECRET)


class World:
    """A shop, and an app that has no token yet."""

    def __init__(self, stack: ExitStack, *, is_public: bool) -> None:
        self.stack, self.time = stack, FakeClock()
        self.fake = stack.enter_context(FakeShopify(orders=600, clock=self.time, monotonic=self.time))
        self.fake.office.is_public = is_public
        self.tokens = memory_tokens(self.fake.office.credentials)
        self.client = self.new_client()

    def new_client(self, app: App = APP) -> ShopifyRest:
        client = ShopifyRest(read_shop_url(self.fake.url, allow_http=True), app, self.tokens.store, self.time.clock)
        self.stack.callback(client.close)
        return client

    def read(self) -> list[int]:
        return [record["id"] for page in pages_of(self.client.source("orders", Window())) for record in page.records]

    def refused(self, client: ShopifyRest | None = None) -> tuple[str, bool]:
        with pytest.raises(PlatformError) as caught:
            (client or self.client).source("orders", Window()).fetch(None)
        return caught.value.code, caught.value.retryable


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=[False, True], ids=["own app", "public app"])
def world(stack: ExitStack, request: pytest.FixtureRequest) -> World:
    return World(stack, is_public=request.param)


def test_app_gets_its_token_and_stores_it(world: World) -> None:
    assert world.read() == world.fake.tables["orders"].ids
    assert world.fake.server.calls == {ORDERS: 3, TOKEN_PATH: 1}
    kept = world.tokens.stored[-1]
    assert kept.access_token == world.fake.office.token
    assert kept.access_token_ends == int(world.time.now) + (HOUR if world.fake.office.is_public else DAY)
    world.new_client().source("orders", Window()).fetch(None)
    assert world.fake.office.given == 1


def test_token_is_renewed_before_its_end(world: World) -> None:
    source = world.client.source("orders", Window())
    cursor = source.fetch(None).cursor
    world.time.now = world.fake.office.ends - 200
    assert source.fetch(cursor).records
    assert world.fake.server.calls == {ORDERS: 2, TOKEN_PATH: 2}


def test_refused_token_is_renewed_and_the_page_repeated(world: World) -> None:
    source = world.client.source("orders", Window())
    cursor = source.fetch(None).cursor
    world.fake.office.ends = 0
    assert source.fetch(cursor).records
    assert world.fake.server.calls == {ORDERS: 3, TOKEN_PATH: 2}


def test_concurrent_pulls_request_one_token(world: World) -> None:
    clients = [world.new_client() for _ in range(4)]
    read = read_at_once(clients)
    assert (read, world.fake.office.given) == ([250] * 4, 1)


def test_lost_answer_costs_nothing(world: World) -> None:
    world.fake.server.before = lambda call: setattr(
        world.fake.office, "loses", call.path == TOKEN_PATH and world.fake.office.given == 0
    )
    assert world.read() == world.fake.tables["orders"].ids
    assert world.fake.office.given == 2


def test_refused_app_is_reported(world: World) -> None:
    assert world.refused(world.new_client(App(CLIENT_ID, "wrong"))) == ("SHOP_APP_REFUSED", False)
    assert world.fake.server.calls == {TOKEN_PATH: 1}


def test_token_refused_again_ends_the_pull(world: World) -> None:
    world.fake.server.before = lambda call: setattr(world.fake.office, "ends", 0)
    assert world.refused() == ("SHOP_ACCESS_REVOKED", False)
    assert world.fake.server.calls == {ORDERS: 2, TOKEN_PATH: 2}


def test_revoked_grant_asks_to_connect_again(stack: ExitStack) -> None:
    world = World(stack, is_public=True)
    world.fake.office.refresh_tokens = ["another"]
    assert world.refused() == ("SHOP_ACCESS_REVOKED", False)

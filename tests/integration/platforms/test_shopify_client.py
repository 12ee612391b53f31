"""The Shopify client against a fake shop on a socket: it reads everything, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.common.clock import NOW, FakeClock
from tests.fakes.common.reading import pages_of
from tests.fakes.common.server import Call
from tests.fakes.common.token_store import memory_tokens
from tests.fakes.shopify.shop import BEGIN, FIRST_ORDER, FakeShopify
from tests.support.examples import examples
from workers.platforms.common.address import read_shop_url
from workers.platforms.common.interface import PlatformError, Window
from workers.platforms.shopify.client import (
    LIST_ENDS_AFTER,
    Position,
    ShopifyRest,
    decode_cursor,
    encode_cursor,
    next_page_info,
)
from workers.platforms.shopify.tokens import App

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ORDERS = "/admin/api/2026-07/orders.json"


class World:
    """A shop, its client, and their clock."""

    def __init__(self, stack: ExitStack, **shop: Any) -> None:
        self.time = FakeClock()
        self.fake = stack.enter_context(FakeShopify(clock=self.time, monotonic=self.time, **shop))
        self.stack = stack
        self.tokens = memory_tokens(self.fake.credentials)
        self.client = self.new_client()

    def new_client(self, app: App | None = None) -> ShopifyRest:
        client = ShopifyRest(read_shop_url(self.fake.url, allow_http=True), app, self.tokens.store, self.time.clock)
        self.stack.callback(client.close)
        return client

    def ids(self, window: Window, entity: str = "orders", cursor: str | None = None) -> list[int]:
        pages = pages_of(self.client.source(entity, window), cursor)
        return [record["id"] for page in pages for record in page.records]

    @property
    def held(self) -> list[int]:
        return self.fake.tables["orders"].ids


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_reading_by_id_takes_no_extra_call(stack: ExitStack) -> None:
    world = World(stack, orders=1000)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls == {ORDERS: 4}


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (249, 1), (250, 1), (251, 2)])
def test_last_page_has_no_cursor(stack: ExitStack, count: int, calls: int) -> None:
    world = World(stack, orders=count)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls[ORDERS] == calls


def test_reading_continues_after_an_id(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    assert world.ids(Window(after_id=world.held[550])) == world.held[551:]


def test_another_client_can_use_any_cursor(stack: ExitStack) -> None:
    world = World(stack, orders=900)
    window = Window(updated_from=LONG_AGO)
    for kind in (Window(), window):
        first = world.client.source("orders", kind).fetch(None)
        other = world.new_client()
        stack.callback(other.close)
        rest = [
            record["id"] for page in pages_of(other.source("orders", kind), first.cursor) for record in page.records
        ]
        assert sorted([record["id"] for record in first.records] + rest) == world.held


def test_reading_by_update_includes_closed_orders(stack: ExitStack) -> None:
    world = World(stack, orders=1000)
    changed = world.held[::3]
    for key in changed:
        world.fake.edit(key, closed_at="2026-02-01T00:00:00-05:00")
    found = world.ids(Window(updated_from=datetime.fromtimestamp(NOW, UTC)))
    assert sorted(found) == changed
    assert world.fake.server.calls[ORDERS] == 2


def test_window_includes_its_start_but_not_its_end(stack: ExitStack) -> None:
    world = World(stack, orders=10)
    at = datetime.fromtimestamp(BEGIN, UTC)
    minute = timedelta(minutes=1)
    assert sorted(world.ids(Window(updated_from=at + 2 * minute, updated_until=at + 5 * minute))) == world.held[2:5]
    assert world.ids(Window(created_from=at + 7 * minute)) == world.held[7:]


def test_edits_while_reading_by_id_lose_nothing(stack: ExitStack) -> None:
    world = World(stack, orders=1000)

    def disturb(call: Call) -> None:
        world.fake.add(at=BEGIN)
        world.fake.edit(world.held[0])

    world.fake.server.before = disturb
    found = world.ids(Window())
    assert found == world.held[: len(found)]
    assert len(found) >= 1000


@settings(max_examples=examples(8))
@given(edits=st.lists(st.lists(st.integers(0, 899), max_size=8), max_size=5))
def test_edits_while_reading_by_update_are_read_next(edits: list[list[int]]) -> None:
    with ExitStack() as stack:
        world = World(stack, orders=900)
        plan = iter(edits)
        times: dict[int, str] = {}

        def disturb(call: Call) -> None:
            world.time.now += 1
            for number in next(plan, []):
                world.fake.edit(world.held[number])

        def read(window: Window) -> None:
            for page in pages_of(world.client.source("orders", window)):
                times.update((row["id"], row["updated_at"]) for row in page.records)

        world.fake.server.before = disturb
        begun = datetime.fromtimestamp(world.time.now, UTC)
        read(Window(updated_from=LONG_AGO))
        world.fake.server.before = lambda call: None
        read(Window(updated_from=begun))
        assert times == {row["id"]: row["updated_at"] for row in world.fake.tables["orders"].all()}


def test_only_fields_of_the_schema_are_requested(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    (page,) = pages_of(world.client.source("orders", Window()))
    assert "email" not in page.records[0] and "contact_email" not in page.records[0]


@pytest.mark.parametrize("entity", ["products", "customers"])
def test_products_and_customers_are_read_alike(stack: ExitStack, entity: str) -> None:
    world = World(stack, products=300, customers=300)
    assert world.ids(Window(), entity) == world.fake.tables[entity].ids
    assert sorted(world.ids(Window(updated_from=LONG_AGO), entity)) == world.fake.tables[entity].ids


def test_categories_are_not_available(stack: ExitStack) -> None:
    world = World(stack)
    with pytest.raises(PlatformError) as caught:
        world.client.source("categories", Window())
    assert caught.value.code == "ENTITY_NOT_AVAILABLE"


def test_count_is_of_the_window(stack: ExitStack) -> None:
    world = World(stack, orders=700)
    assert world.client.count("orders", Window()) == 700
    assert world.client.count("orders", Window(created_from=datetime.fromtimestamp(BEGIN, UTC) + HOUR)) == 640
    assert world.client.count("orders", Window(after_id=5)) is None
    assert world.fake.server.calls["/admin/api/2026-07/orders/count.json"] == 2


def test_page_has_the_platforms_time(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    assert world.client.source("orders", Window()).fetch(None).server_time == datetime.fromtimestamp(NOW, UTC)


def test_list_cut_off_by_the_platform_is_read_to_its_end(stack: ExitStack) -> None:
    world = World(stack, orders=900)
    window = Window(updated_from=LONG_AGO)
    world.fake.list_ends_after = 500
    first = world.client.source("orders", window).fetch(None)
    almost = replace(decode_cursor(first.cursor or ""), seen=LIST_ENDS_AFTER - 250)
    assert sorted(set(world.ids(window, cursor=encode_cursor(almost)))) == world.held


def test_expired_cursor_starts_the_window_again(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    window = Window(updated_from=LONG_AGO)
    first = world.client.source("orders", window).fetch(None)
    world.time.now += 3600
    world.fake.oldest_cursor = world.time.now
    assert sorted(world.ids(window, cursor=first.cursor)) == world.held


def test_client_never_overfills_the_bucket(stack: ExitStack) -> None:
    world = World(stack, orders=250 * 45)
    assert len(world.ids(Window())) == 250 * 45
    assert world.fake.server.calls[ORDERS] == 45  # none was refused
    assert sum(world.time.slept) > 3


def test_client_waits_for_a_bucket_that_others_fill(stack: ExitStack) -> None:
    world = World(stack, orders=500)
    for _ in range(40):
        world.fake.bucket.take()
    assert len(world.ids(Window())) == 500
    assert world.time.slept[0] == 2.0


@pytest.mark.parametrize(("scopes", "code"), [(set(), "SHOP_SCOPE_MISSING"), ({"read_products"}, "SHOP_SCOPE_MISSING")])
def test_missing_scope_fails_at_once(stack: ExitStack, scopes: set[str], code: str) -> None:
    world = World(stack, orders=1)
    world.fake.scopes = scopes
    with pytest.raises(PlatformError) as caught:
        world.ids(Window())
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert world.fake.server.calls[ORDERS] == 1


def test_refused_permanent_token_fails_at_once(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    first = world.client.source("orders", Window()).fetch(None)
    world.fake.office.ends = world.time.now
    with pytest.raises(PlatformError) as caught:
        world.ids(Window(), cursor=first.cursor)
    assert (caught.value.code, caught.value.retryable) == ("SHOP_ACCESS_REVOKED", False)


def test_usual_app_sees_sixty_days_of_orders(stack: ExitStack) -> None:
    world = World(stack, orders=100, step=86400)
    world.fake.scopes.remove("read_all_orders")
    world.time.now = BEGIN + 100 * 86400.0
    assert world.ids(Window()) == world.held[40:]


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("", None),
        ('<https://x.test/a.json?limit=50&page_info=abc>; rel="next"', "abc"),
        ('<https://x.test/a.json?page_info=p>; rel="previous", <https://x.test/a.json?page_info=n>; rel="next"', "n"),
        ('<https://x.test/a.json?page_info=p,q>; rel="previous", <https://x.test/a.json?page_info=n>; rel=next', "n"),
        (
            '<https://x.test/a.json?page_info=n>;rel="NEXT"; title="a, b", <https://x.test/?page_info=p>; rel="previous"',
            "n",
        ),
        ('<https://x.test/a.json?page_info=p>; rel="previous"', None),
        ('<https://x.test/a.json?limit=5>; rel="next"', None),
        ('<https://x.test/a.json?page_info=a%2Bb%3D>; title="x"; rel="first next"', "a+b="),
        ("<<<>;,rel=next", None),
    ],
)
def test_next_page_is_read_from_the_link_header(link: str, cursor: str | None) -> None:
    assert next_page_info(link) == cursor


@pytest.mark.parametrize(
    "position", [Position(since_id=0), Position(since_id=FIRST_ORDER), Position(page_info="a+/=&b", seen=500)]
)
def test_cursor_survives_its_text_form(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position

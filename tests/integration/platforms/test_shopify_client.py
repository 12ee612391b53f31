"""The Shopify client against a fake shop on a socket: what it reads is what the shop holds, whatever happens on the way."""

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
    """A shop, its client, and the clock that both share."""

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


def test_a_walk_by_id_reads_everything_in_order_and_without_a_call_too_many(stack: ExitStack) -> None:
    world = World(stack, orders=1000)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls == {ORDERS: 4}


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (249, 1), (250, 1), (251, 2)])
def test_the_last_page_is_known_as_such(stack: ExitStack, count: int, calls: int) -> None:
    world = World(stack, orders=count)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls[ORDERS] == calls


def test_a_walk_goes_on_after_an_id(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    assert world.ids(Window(after_id=world.held[550])) == world.held[551:]


def test_any_cursor_can_be_taken_up_by_another_client(stack: ExitStack) -> None:
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


def test_a_walk_by_update_reads_what_changed_closed_orders_too(stack: ExitStack) -> None:
    world = World(stack, orders=1000)
    changed = world.held[::3]
    for key in changed:
        world.fake.edit(key, closed_at="2026-02-01T00:00:00-05:00")
    found = world.ids(Window(updated_from=datetime.fromtimestamp(NOW, UTC)))
    assert sorted(found) == changed
    assert world.fake.server.calls[ORDERS] == 2


def test_the_bounds_of_a_window_are_from_inclusive_until_exclusive(stack: ExitStack) -> None:
    world = World(stack, orders=10)
    at = datetime.fromtimestamp(BEGIN, UTC)
    minute = timedelta(minutes=1)
    assert sorted(world.ids(Window(updated_from=at + 2 * minute, updated_until=at + 5 * minute))) == world.held[2:5]
    assert world.ids(Window(created_from=at + 7 * minute)) == world.held[7:]


def test_orders_changed_and_added_during_a_walk_by_id_are_neither_lost_nor_doubled(stack: ExitStack) -> None:
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
def test_edits_during_a_walk_by_update_are_read_by_the_next_run(edits: list[list[int]]) -> None:
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


def test_only_what_the_schema_reads_is_asked_for(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    (page,) = pages_of(world.client.source("orders", Window()))
    assert "email" not in page.records[0] and "contact_email" not in page.records[0]


@pytest.mark.parametrize("entity", ["products", "customers"])
def test_products_and_customers_are_walked_alike(stack: ExitStack, entity: str) -> None:
    world = World(stack, products=300, customers=300)
    assert world.ids(Window(), entity) == world.fake.tables[entity].ids
    assert sorted(world.ids(Window(updated_from=LONG_AGO), entity)) == world.fake.tables[entity].ids


def test_there_are_no_categories(stack: ExitStack) -> None:
    world = World(stack)
    with pytest.raises(PlatformError) as caught:
        world.client.source("categories", Window())
    assert caught.value.code == "ENTITY_NOT_AVAILABLE"


def test_the_platform_counts_what_a_window_holds(stack: ExitStack) -> None:
    world = World(stack, orders=700)
    assert world.client.count("orders", Window()) == 700
    assert world.client.count("orders", Window(created_from=datetime.fromtimestamp(BEGIN, UTC) + HOUR)) == 640
    assert world.client.count("orders", Window(after_id=5)) is None
    assert world.fake.server.calls["/admin/api/2026-07/orders/count.json"] == 2


def test_the_platform_tells_the_time(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    assert world.client.source("orders", Window()).fetch(None).server_time == datetime.fromtimestamp(NOW, UTC)


def test_a_list_that_the_platform_cuts_off_is_read_to_its_end(stack: ExitStack) -> None:
    world = World(stack, orders=900)
    window = Window(updated_from=LONG_AGO)
    world.fake.list_ends_after = 500
    first = world.client.source("orders", window).fetch(None)
    almost = replace(decode_cursor(first.cursor or ""), seen=LIST_ENDS_AFTER - 250)
    assert sorted(set(world.ids(window, cursor=encode_cursor(almost)))) == world.held


def test_a_cursor_that_is_too_old_begins_the_window_again(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    window = Window(updated_from=LONG_AGO)
    first = world.client.source("orders", window).fetch(None)
    world.time.now += 3600
    world.fake.oldest_cursor = world.time.now
    assert sorted(world.ids(window, cursor=first.cursor)) == world.held


def test_a_full_bucket_is_waited_for_and_never_overfilled(stack: ExitStack) -> None:
    world = World(stack, orders=250 * 45)
    assert len(world.ids(Window())) == 250 * 45
    assert world.fake.server.calls[ORDERS] == 45  # none was refused
    assert sum(world.time.slept) > 3


def test_a_bucket_that_others_fill_is_waited_for_as_told(stack: ExitStack) -> None:
    world = World(stack, orders=500)
    for _ in range(40):
        world.fake.bucket.take()
    assert len(world.ids(Window())) == 500
    assert world.time.slept[0] == 2.0


@pytest.mark.parametrize(("scopes", "code"), [(set(), "SHOP_SCOPE_MISSING"), ({"read_products"}, "SHOP_SCOPE_MISSING")])
def test_a_missing_scope_fails_at_once(stack: ExitStack, scopes: set[str], code: str) -> None:
    world = World(stack, orders=1)
    world.fake.scopes = scopes
    with pytest.raises(PlatformError) as caught:
        world.ids(Window())
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert world.fake.server.calls[ORDERS] == 1


def test_a_token_for_good_that_is_refused_fails_at_once(stack: ExitStack) -> None:
    world = World(stack, orders=600)
    first = world.client.source("orders", Window()).fetch(None)
    world.fake.office.ends = world.time.now
    with pytest.raises(PlatformError) as caught:
        world.ids(Window(), cursor=first.cursor)
    assert (caught.value.code, caught.value.retryable) == ("SHOP_ACCESS_REVOKED", False)


def test_sixty_days_are_all_that_a_usual_app_sees(stack: ExitStack) -> None:
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
def test_the_link_header_is_read(link: str, cursor: str | None) -> None:
    assert next_page_info(link) == cursor


@pytest.mark.parametrize(
    "position", [Position(since_id=0), Position(since_id=FIRST_ORDER), Position(page_info="a+/=&b", seen=500)]
)
def test_a_cursor_is_read_as_it_was_written(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position

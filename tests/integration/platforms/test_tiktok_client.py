"""The TikTok Shop client against a fake shop on a socket: signatures, tokens, and reading that edits can't disturb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.common.clock import NOW, FakeClock
from tests.fakes.common.reading import pages_of, read_at_once
from tests.fakes.common.server import Call
from tests.fakes.common.token_store import memory_tokens
from tests.fakes.tiktok.shop import BEGIN, FakeTiktok
from tests.support.examples import examples
from workers.platforms.common.address import read_shop_url
from workers.platforms.common.interface import PlatformError, Window
from workers.platforms.common.token_store import Tokens, TokenStore, tokens_of, with_tokens
from workers.platforms.tiktok.client import App, Hosts, TiktokShop
from workers.platforms.tiktok.orders import Position, decode_cursor, encode_cursor
from workers.platforms.tiktok.time_slices import TimeSlice, decode_slice, encode_slice

ORDERS = "/order/202309/orders/search"
PRODUCTS = "/product/202502/products/search"
REFRESH = "/api/v2/token/refresh"
FROM_BEGIN = Window(updated_from=datetime.fromtimestamp(BEGIN, UTC))


class World:
    """A shop, its client, its tokens, and their clock."""

    def __init__(self, stack: ExitStack, **shop: Any) -> None:
        self.stack = stack
        self.time = FakeClock()
        self.fake = stack.enter_context(FakeTiktok(clock=self.time, **shop))
        self.tokens = memory_tokens(self.fake.credentials)
        self.client = self.new_client()

    def new_client(self, store: TokenStore | None = None, **app: Any) -> TiktokShop:
        address = read_shop_url(self.fake.url, allow_http=True)
        known = self.fake.credentials
        caller = replace(App(known["app_key"], known["app_secret"], known["shop_cipher"]), **app)
        client = TiktokShop(Hosts(address, address), caller, store or self.tokens.store, 1000.0, self.time.clock)
        self.stack.callback(client.close)
        return client

    def ids(self, window: Window, entity: str = "orders", cursor: str | None = None) -> list[int]:
        pages = pages_of(self.client.source(entity, window), cursor)
        return [int(record["id"]) for page in pages for record in page.records]

    def refused(self, client: TiktokShop | None = None) -> PlatformError:
        with pytest.raises(PlatformError) as caught:
            (client or self.client).source("orders", Window()).fetch(None)
        return caught.value

    @property
    def held(self) -> list[int]:
        return self.fake.tables["orders"].ids


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (100, 1), (101, 2), (350, 4)])
def test_reading_by_creation_takes_no_extra_call(stack: ExitStack, count: int, calls: int) -> None:
    world = World(stack, orders=count)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls == {ORDERS: calls}


def test_reading_by_creation_ignores_edits(stack: ExitStack) -> None:
    world = World(stack, orders=500)
    edited = iter(world.held)

    def disturb(call: Call) -> None:
        for _ in range(7):
            world.fake.edit(next(edited))

    world.fake.server.before = disturb
    assert world.ids(Window()) == world.held


def test_page_has_the_platforms_total_and_time(stack: ExitStack) -> None:
    world = World(stack, orders=350)
    totals = [page.total for page in pages_of(world.client.source("orders", Window()))]
    moved = [page.total for page in pages_of(world.client.source("orders", FROM_BEGIN))]
    assert totals == moved == [350] * 4
    assert world.client.count("orders", Window()) is None
    page = world.client.source("orders", Window()).fetch(None)
    assert page.server_time == datetime.fromtimestamp(NOW, UTC)


def test_changed_orders_come_in_order_of_change(stack: ExitStack) -> None:
    world = World(stack, orders=500)
    changed = world.held[10:160:3]
    for key in reversed(changed):
        world.time.now += 1
        world.fake.edit(key, status="COMPLETED")
    assert world.ids(Window(updated_from=datetime.fromtimestamp(NOW, UTC))) == changed[::-1]
    assert world.fake.server.calls[ORDERS] == 1


def test_window_includes_its_start_but_not_its_end(stack: ExitStack) -> None:
    world = World(stack, orders=10, products=10)
    at = datetime.fromtimestamp(BEGIN, UTC)
    minute = timedelta(minutes=1)
    window = Window(updated_from=at + 2 * minute, updated_until=at + 5 * minute)
    assert world.ids(window) == world.held[2:5]
    assert sorted(world.ids(window, "products")) == world.fake.tables["products"].ids[2:5]
    assert world.ids(Window(created_from=at + 7 * minute)) == world.held[7:]


@pytest.mark.parametrize("step", [0.0, 0.005, 0.01, 0.5])
def test_equal_seconds_across_pages_are_read_once(stack: ExitStack, step: float) -> None:
    world = World(stack, orders=450, step=step)
    found = world.ids(FROM_BEGIN)
    assert sorted(set(found)) == world.held
    if step >= 0.5:
        assert found == world.held


def test_another_client_can_use_any_cursor(stack: ExitStack) -> None:
    world = World(stack, orders=250)
    first = world.client.source("orders", FROM_BEGIN).fetch(None)
    world.client = world.new_client()
    rest = world.ids(FROM_BEGIN, cursor=first.cursor)
    assert [int(record["id"]) for record in first.records] + rest == world.held


@settings(max_examples=examples(25))
@given(
    step=st.sampled_from([0.0, 0.01, 0.3, 5.0]),
    edits=st.lists(st.lists(st.integers(0, 299), max_size=8), max_size=12),
    open_ended=st.booleans(),
)
def test_edits_while_reading_lose_nothing(step: float, edits: list[list[int]], open_ended: bool) -> None:
    # An order that left the window was edited during the pull, so it is in the next pull's window: together they miss
    # nothing.
    with ExitStack() as stack:
        world = World(stack, orders=300, step=step)
        plan = iter(edits)

        def disturb(call: Call) -> None:
            world.time.now += 1
            for number in next(plan, []):
                world.fake.edit(world.held[number])

        world.fake.server.before = disturb
        begun = datetime.fromtimestamp(world.time.now, UTC)
        first = world.ids(FROM_BEGIN if open_ended else replace(FROM_BEGIN, updated_until=begun))
        world.fake.server.before = lambda call: None
        then = world.ids(Window(updated_from=begun))
        assert set(first) | set(then) == set(world.held)


def test_products_are_read_page_by_page(stack: ExitStack) -> None:
    world = World(stack, products=250)
    assert sorted(world.ids(Window(), "products")) == world.fake.tables["products"].ids
    with pytest.raises(PlatformError) as caught:
        world.client.source("customers", Window())
    assert caught.value.code == "ENTITY_NOT_AVAILABLE"


@pytest.mark.slow
@pytest.mark.parametrize("step", [60, 0.001], ids=["spread", "all of one second"])
@settings(max_examples=6, deadline=None)
@given(
    order=st.sampled_from([("update_time", "ASC"), ("update_time", "DESC"), ("create_time", "DESC")]),
    edits=st.lists(st.lists(st.integers(0, 229), max_size=5), max_size=10),
)
@example(order=("update_time", "ASC"), edits=[[], [0]])  # the page borders move up by one
def test_products_edited_while_reading_hide_none(step: float, order: tuple[str, str], edits: list[list[int]]) -> None:
    with ExitStack() as stack:
        world = World(stack, products=230, step=step)
        world.fake.own_order = order
        held = world.fake.tables["products"].ids
        waiting = iter(edits)

        def disturb(_call: Call) -> None:
            world.time.now += 1
            for number in next(waiting, ()):
                world.fake.edit(held[number], "products")

        world.fake.server.before = disturb
        assert set(world.ids(Window(), "products")) == set(held)


def test_reading_unedited_products_takes_one_extra_call(stack: ExitStack) -> None:
    world = World(stack, products=450)
    assert len(world.ids(Window(), "products")) == 450
    assert world.fake.server.calls == {PRODUCTS: 6}


def test_large_catalogue_is_read_in_time_slices(stack: ExitStack) -> None:
    world = World(stack, products=10_300)
    assert sorted(world.ids(Window(), "products")) == world.fake.tables["products"].ids


@pytest.mark.parametrize(
    ("entity", "window", "step"),
    [("orders", Window(), 60), ("orders", FROM_BEGIN, 0.001), ("products", Window(), 60)],
    ids=["orders by creation", "orders of one second", "products"],
)
def test_expired_page_token_loses_no_record(stack: ExitStack, entity: str, window: Window, step: float) -> None:
    world = World(stack, orders=450, products=450, step=step)

    def grow_old(_call: Call) -> None:
        world.fake.age += sum(world.fake.server.calls.values()) == 3

    world.fake.server.before = grow_old
    found = world.ids(window, entity)
    assert set(found) == set(world.fake.tables[entity].ids)
    assert world.fake.age == 1


def test_missing_cipher_is_requested_once(stack: ExitStack) -> None:
    world = World(stack, orders=250)
    world.client = world.new_client(shop_cipher=None)
    assert world.ids(Window()) == world.held
    assert world.fake.server.calls == {"/authorization/202309/shops": 1, ORDERS: 3}


def test_token_about_to_expire_is_refreshed(stack: ExitStack) -> None:
    world = World(stack, orders=350)
    source = world.client.source("orders", Window())
    cursor = source.fetch(None).cursor
    world.time.now += 7 * 86400 - 200
    assert source.fetch(cursor).records
    assert world.fake.server.calls == {ORDERS: 2, REFRESH: 1}
    assert world.tokens.stored[-1] == tokens_of(world.fake.credentials)


def test_expired_token_is_refreshed_and_the_page_repeated(stack: ExitStack) -> None:
    world = World(stack, orders=350)
    source = world.client.source("orders", Window())
    cursor = source.fetch(None).cursor
    for status in (200, 401):
        world.fake.gate.expired_status = status
        world.fake.gate.expire()
        page = source.fetch(cursor)
        cursor = page.cursor
        assert len(page.records) == 100
    assert world.fake.gate.refreshes == 2


def test_both_new_tokens_are_stored(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    world.client.source("orders", Window()).fetch(None)
    credentials = with_tokens({"app_key": "k"}, world.tokens.stored[-1])
    told = {name: str(value) for name, value in world.fake.gate.tokens().items()}
    assert credentials == {"app_key": "k", "renewal_sent_at": ""} | told
    assert tokens_of(credentials) == world.tokens.stored[-1]


def test_token_refreshed_by_another_process_is_used(stack: ExitStack) -> None:
    world = World(stack, orders=350)
    other = world.new_client()
    other.source("orders", Window()).fetch(None)
    world.fake.gate.expire()
    world.client.source("orders", Window()).fetch(None)
    other.source("orders", Window()).fetch(None)
    assert world.fake.gate.refreshes == 1


def test_concurrent_refreshes_spend_one_refresh_token(stack: ExitStack) -> None:
    world = World(stack, orders=350)
    clients = [world.new_client() for _ in range(4)]
    for client in clients:
        client.source("orders", Window()).fetch(None)
    world.fake.gate.expire()
    read = read_at_once(clients)
    assert read == [100] * 4
    assert world.fake.gate.refreshes == 1


def test_dead_refresh_token_asks_to_connect_again(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    world.fake.gate.refresh_token = "spent elsewhere"
    error = world.refused()
    assert (error.code, error.retryable) == ("SHOP_ACCESS_REVOKED", False)


def test_lost_answer_of_a_renewal_is_requested_again(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    world.fake.gate.lose_answers, world.fake.gate.takes_spent = 1, True
    assert world.ids(Window()) == world.held
    assert (world.fake.gate.refreshes, world.fake.server.calls[REFRESH]) == (2, 2)
    assert world.tokens.stored[-1] == tokens_of(world.fake.credentials)


def test_lost_renewal_is_explained_to_the_merchant(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    world.fake.gate.lose_answers = 1
    error = world.refused()
    assert (error.code, error.retryable) == ("SHOP_RENEWAL_LOST", False)
    assert "was lost" in error.message and "Connect the shop again" in error.message


def test_renewal_of_a_dead_process_is_remembered(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    store = world.tokens.store

    def die_with_the_answer(known: Tokens, fresh: Tokens) -> bool:
        if fresh.renewal_sent is None:
            raise KeyboardInterrupt
        return store.replace(known, fresh)

    dying = replace(store, replace=die_with_the_answer)
    with pytest.raises(KeyboardInterrupt):
        world.new_client(dying).source("orders", Window()).fetch(None)
    assert world.refused().code == "SHOP_RENEWAL_LOST"


def test_shop_connected_during_a_renewal_keeps_its_tokens(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    given = Tokens("TTP_given", "TTP_given_too", None, None)

    def connect(call: Call) -> None:
        if call.path == REFRESH:
            world.tokens.stored.append(given)

    world.fake.server.before = connect
    world.refused()
    assert given in world.tokens.stored
    assert not any(pair.access_token == "TTP_access_1" for pair in world.tokens.stored)


def test_connecting_again_forgets_a_lost_renewal(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.expire()
    world.fake.gate.lose_answers = 1
    assert world.refused().code == "SHOP_RENEWAL_LOST"
    world.tokens.stored.append(tokens_of(world.fake.credentials))
    world.client = world.new_client()
    assert world.ids(Window()) == world.held


@pytest.mark.parametrize("fault", ["lost", "drop"])
def test_failed_early_renewal_stops_nothing(stack: ExitStack, fault: str) -> None:
    world = World(stack, orders=350)
    world.time.now += 7 * 86400 - 3600  # an hour to go: time to renew
    world.fake.gate.keeps_access = True
    if fault == "lost":
        world.fake.gate.lose_answers = 1
    else:
        world.fake.server.faults.next(*["drop"] * 6)
    began = world.time.now
    assert world.ids(Window()) == world.held
    assert world.time.now - began < 15
    world.time.now += 3600
    if fault == "lost":
        assert world.refused().code == "SHOP_RENEWAL_LOST"
    else:
        assert world.ids(Window()) == world.held


def test_short_lived_token_is_not_renewed_at_every_page(stack: ExitStack) -> None:
    world = World(stack, orders=350, token_life=7200)
    assert world.ids(Window()) == world.held
    assert world.fake.gate.refreshes == 1
    world.time.now += 5500  # less than a quarter is left
    assert world.ids(Window()) == world.held
    assert world.fake.gate.refreshes == 2


def test_expired_refresh_token_is_not_sent(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.time.now += 366 * 86400
    assert world.refused().code == "SHOP_ACCESS_REVOKED"
    assert world.fake.server.calls == {}


def test_token_refused_repeatedly_ends_the_pull(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.token_life = -10
    world.fake.gate.expire()
    store = replace(world.tokens.store, load=lambda: replace(world.tokens.stored[-1], access_token_ends=None))
    error = world.refused(world.new_client(store))
    assert (error.code, error.retryable) == ("SHOP_ACCESS_REVOKED", False)
    assert world.fake.server.calls == {ORDERS: 2, REFRESH: 1}


@pytest.mark.parametrize(
    ("app", "code"),
    [
        ({"secret": "wrong"}, "PLATFORM_SIGNATURE_REFUSED"),
        ({"key": "wrong"}, "PLATFORM_SIGNATURE_REFUSED"),
        ({"shop_cipher": "wrong"}, "SHOP_UNKNOWN"),
    ],
)
def test_wrong_credentials_fail_at_once(stack: ExitStack, app: dict[str, Any], code: str) -> None:
    world = World(stack, orders=1)
    error = world.refused(world.new_client(**app))
    assert (error.code, error.retryable) == (code, False)
    assert sum(world.fake.server.calls.values()) == 1


def test_wrong_clock_is_reported(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.clock = lambda: world.time.now + 400
    assert world.refused().code == "PLATFORM_CLOCK_REFUSED"


def test_missing_scope_fails_at_once(stack: ExitStack) -> None:
    world = World(stack, orders=1)
    world.fake.gate.scopes = {"products"}
    error = world.refused()
    assert (error.code, error.retryable) == ("SHOP_SCOPE_MISSING", False)


def test_client_slows_down_when_throttled(stack: ExitStack) -> None:
    world = World(stack, orders=2000, calls_per_second=4)
    assert world.ids(Window()) == world.held
    assert len(world.time.slept) > 0


def test_random_faults_lose_no_record(stack: ExitStack) -> None:
    world = World(stack, orders=2000)
    world.fake.server.faults.at_random(0.3, seed=3)
    assert world.ids(FROM_BEGIN) == world.held


@pytest.mark.parametrize(
    "position",
    [
        Position(1_700_000_000),
        Position(1_700_000_000, frozenset({"1", "22"}), 50),
        Position(1_700_000_000, frozenset({"1"}), 50, crowded=True),
        Position(1_700_000_000, frozenset(), None, crowded=True, token="a+/=&", crowd=120),
    ],
)
def test_cursor_survives_its_text_form(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@pytest.mark.parametrize(
    "time_slice",
    [
        TimeSlice(None),
        TimeSlice(5, 9, "a+/=&", 20_000),
        TimeSlice(10, total=20_000),
        TimeSlice(1, 60, "t", 9, 8, 7, 60),
    ],
)
def test_product_cursor_survives_its_text_form(time_slice: TimeSlice) -> None:
    assert decode_slice(encode_slice(time_slice)) == time_slice


def test_unknown_token_ends_are_none() -> None:
    assert tokens_of({"access_token": "a", "refresh_token": "r"}) == Tokens("a", "r", None, None)

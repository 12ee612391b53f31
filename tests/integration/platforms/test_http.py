"""Failing calls over real sockets: what is retried, for how long, and with which error it ends."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.common.clock import FakeClock
from tests.fakes.common.reading import pages_of
from tests.fakes.common.server import FAULTS, Call, FakeServer, Reply
from tests.fakes.common.token_store import memory_tokens
from tests.fakes.shopify.shop import FakeShopify
from workers.platforms.common.address import ShopAddress, read_shop_url
from workers.platforms.common.answers import Answer, failure_by_status, http_date, retry_after
from workers.platforms.common.http import TIMEOUT, CallPolicy, PlatformHttp, Request, backoff, shortened
from workers.platforms.common.interface import PlatformError, Window
from workers.platforms.common.pacing import CallLimitBucket, Unpaced
from workers.platforms.shopify.client import ShopifyRest


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class World:
    """A platform that answers as the test says, and our client."""

    def __init__(self, stack: ExitStack, *replies: Reply) -> None:
        self.time = FakeClock()
        self.replies = list(replies)
        self.server = stack.enter_context(FakeServer(self._answer, clock=self.time))
        address = read_shop_url(self.server.url, allow_http=True)
        bucket = CallLimitBucket(self.time)
        self.http = PlatformHttp(
            address, bucket, lambda answer: failure_by_status(answer, self.time()), self.time.clock
        )
        stack.callback(self.http.close)

    def _answer(self, call: Call) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def get(self) -> Any:
        request = Request("GET", f"{self.server.url}/x")
        return self.http.call(lambda: request, self.http.deadline()).document

    def refused(self) -> PlatformError:
        with pytest.raises(PlatformError) as caught:
            self.get()
        return caught.value


GOOD = Reply(200, b'{"a":1}')
BUSY = Reply(429, b"{}", {"Retry-After": "2.5"})


@pytest.mark.parametrize("fault", FAULTS)
def test_passing_fault_is_retried(stack: ExitStack, fault: str) -> None:
    world = World(stack, GOOD)
    world.server.faults.next(fault, fault)
    assert world.get() == {"a": 1}
    assert world.server.calls["/x"] == 3
    assert world.time.slept == [0.375, 0.75]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("500", "PLATFORM_FAILING"),
        ("503", "PLATFORM_FAILING"),
        ("html", "PLATFORM_ANSWER_UNREADABLE"),
        ("truncated", "PLATFORM_ANSWER_UNREADABLE"),
        ("cut", "PLATFORM_UNREACHABLE"),
        ("drop", "PLATFORM_UNREACHABLE"),
        ("reset", "PLATFORM_UNREACHABLE"),
    ],
)
def test_lasting_fault_ends_within_a_minute(stack: ExitStack, fault: str, code: str) -> None:
    world = World(stack, GOOD)
    world.server.faults.every(1, fault)
    begun = world.time()
    error = world.refused()
    assert (error.code, error.retryable) == (code, True)
    assert world.time() - begun <= 60
    assert world.server.calls["/x"] == 10


def test_series_of_429_is_waited_out(stack: ExitStack) -> None:
    world = World(stack, BUSY, BUSY, BUSY, GOOD)
    assert world.get() == {"a": 1}
    assert [wait for wait in world.time.slept if wait == 2.5] == [2.5, 2.5, 2.5]


def test_wait_longer_than_the_call_is_left_to_the_caller(stack: ExitStack) -> None:
    world = World(stack, Reply(429, b"{}", {"Retry-After": "3600"}))
    error = world.refused()
    assert (error.code, error.retryable, error.retry_after) == ("PLATFORM_RATE_LIMITED", True, 3600.0)
    assert world.server.calls["/x"] == 1


@pytest.mark.parametrize("fault", ["500", "drop"])
def test_call_that_may_not_repeat_is_sent_once(stack: ExitStack, fault: str) -> None:
    time = FakeClock()
    server = stack.enter_context(FakeServer(lambda call: GOOD, clock=time))
    server.faults.next(fault)
    http = PlatformHttp(
        read_shop_url(server.url, allow_http=True),
        Unpaced(),
        lambda answer: failure_by_status(answer, time()),
        time.clock,
        CallPolicy(repeats=False),
    )
    stack.callback(http.close)
    with pytest.raises(PlatformError) as caught:
        http.call(lambda: Request("POST", f"{server.url}/x"), http.deadline())
    assert caught.value.retryable
    assert (server.calls["/x"], time.slept) == (1, [])


def test_redirect_is_refused(stack: ExitStack) -> None:
    elsewhere = stack.enter_context(FakeServer(lambda call: GOOD))
    world = World(stack, Reply(302, b"", {"Location": f"{elsewhere.url}/x"}))
    error = world.refused()
    assert (error.code, error.retryable) == ("SHOP_ADDRESS_REDIRECTS", False)
    assert elsewhere.calls == {}


def test_document_that_is_no_object_is_unreadable(stack: ExitStack) -> None:
    assert World(stack, Reply(200, b"[1]")).refused().code == "PLATFORM_ANSWER_UNREADABLE"


def test_endless_answer_is_cut_off(stack: ExitStack) -> None:
    large = b'{"a":"' + b"x" * (65 * 1024 * 1024) + b'"}'
    error = World(stack, Reply(200, large)).refused()
    assert (error.code, error.retryable) == ("PLATFORM_ANSWER_TOO_LARGE", False)


def http_to(stack: ExitStack, address: ShopAddress, time: FakeClock) -> PlatformHttp:
    http = PlatformHttp(address, CallLimitBucket(time), lambda answer: None, time.clock)
    stack.callback(http.close)
    return http


def test_unreachable_address_is_retried(stack: ExitStack) -> None:
    taken = stack.enter_context(socket.socket())  # bound, but nobody listens
    taken.bind(("127.0.0.1", 0))
    time = FakeClock()
    http = http_to(stack, read_shop_url(f"http://127.0.0.1:{taken.getsockname()[1]}", allow_http=True), time)
    with pytest.raises(PlatformError) as caught:
        http.call(lambda: Request("GET", http.base), http.deadline())
    assert (caught.value.code, caught.value.retryable) == ("PLATFORM_UNREACHABLE", True)
    assert len(time.slept) == 9


def test_untrusted_certificate_is_reported(stack: ExitStack, tmp_path: Path) -> None:
    server = stack.enter_context(FakeServer(lambda call: GOOD))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server.listen_with(context)
    _, _, port = server.url.rpartition(":")
    address = ShopAddress(f"https://127.0.0.1:{port}", "https", "127.0.0.1", int(port), loopback=True)
    http = http_to(stack, address, FakeClock())
    with pytest.raises(PlatformError) as caught:
        http.call(lambda: Request("GET", http.base), http.deadline())
    assert (caught.value.code, caught.value.retryable) == ("SHOP_CERTIFICATE_INVALID", False)


def self_signed(folder: Path) -> Path:
    """A key and a self-signed certificate, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=3650))
    pem = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "shop.pem"
    path.write_bytes(pem)
    return path


def test_private_address_is_refused_before_sending(stack: ExitStack) -> None:
    time = FakeClock()
    shop = ShopifyRest(
        ShopAddress("https://localhost:9", "https", "localhost", 9),
        None,
        memory_tokens({"access_token": "x"}).store,
        time.clock,
    )
    stack.callback(shop.close)
    with pytest.raises(PlatformError) as caught:
        shop.source("orders", Window()).fetch(None)
    assert (caught.value.code, caught.value.retryable) == ("SHOP_ADDRESS_REFUSED", False)
    assert time.slept == []


def test_every_tenth_500_loses_no_record(stack: ExitStack) -> None:
    time = FakeClock()
    fake = stack.enter_context(FakeShopify(orders=250 * 11, clock=time, monotonic=time))
    fake.server.faults.every(10, "500")
    shop = ShopifyRest(
        read_shop_url(fake.url, allow_http=True), None, memory_tokens(fake.credentials).store, time.clock
    )
    stack.callback(shop.close)
    found = [record["id"] for page in pages_of(shop.source("orders", Window())) for record in page.records]
    assert found == fake.tables["orders"].ids
    assert sum(fake.server.calls.values()) == 12


def test_series_of_429_loses_no_record(stack: ExitStack) -> None:
    time = FakeClock()
    fake = stack.enter_context(FakeShopify(orders=250 * 11, clock=time, monotonic=time))
    fake.server.faults.next(None, *["429"] * 7, None, None, *["429"] * 3)
    shop = ShopifyRest(
        read_shop_url(fake.url, allow_http=True), None, memory_tokens(fake.credentials).store, time.clock
    )
    stack.callback(shop.close)
    found = [record["id"] for page in pages_of(shop.source("orders", Window())) for record in page.records]
    assert found == fake.tables["orders"].ids
    assert sum(fake.server.calls.values()) == 11 + 10
    assert len([wait for wait in time.slept if wait >= 2.0]) >= 10


def test_random_faults_lose_no_record(stack: ExitStack) -> None:
    time = FakeClock()
    fake = stack.enter_context(FakeShopify(orders=250 * 11, clock=time, monotonic=time))
    fake.server.faults.at_random(0.3, seed=7)
    shop = ShopifyRest(
        read_shop_url(fake.url, allow_http=True), None, memory_tokens(fake.credentials).store, time.clock
    )
    stack.callback(shop.close)
    found = [record["id"] for page in pages_of(shop.source("orders", Window())) for record in page.records]
    assert found == fake.tables["orders"].ids


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2.0", 2.0),
        ("7", 7.0),
        ("", None),
        ("soon", None),
        ("9" * 400, 86400.0),
        ("Thu, 01 Jan 9999 00:00:00 -2359", 86400.0),
        ("-1", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(told: str, seconds: float | None) -> None:
    assert retry_after(Answer(429, {"retry-after": told}, None), now=10.0) == seconds


@given(st.text(max_size=40) | st.from_regex(r"Thu, [0-9]{1,2} Jan [0-9]{1,5} [0-9:]{5,8} [+-][0-9]{4}", fullmatch=True))
def test_any_date_header_can_be_parsed(text: str) -> None:
    moment = http_date(text)
    assert moment is None or moment.tzinfo is UTC


def test_last_attempt_has_only_the_time_left() -> None:
    assert shortened(TIMEOUT, 50.0) == TIMEOUT
    assert shortened(TIMEOUT, 7.0).as_dict() == {"connect": 5.0, "read": 7.0, "write": 7.0, "pool": 5.0}
    assert shortened(TIMEOUT, -3.0).read == 1.0


def test_backoff_grows_to_a_bound_with_jitter() -> None:
    assert [backoff(attempt, 0.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 16, 16]
    assert backoff(2, 1.0) == 1.0

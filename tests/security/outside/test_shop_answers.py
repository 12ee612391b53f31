"""Answers of shops that would decompress or parse to gigabytes are refused within a few megabytes."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
import zstandard

from tests.fakes.common.clock import FakeClock
from tests.fakes.common.server import Call, FakeServer, Reply
from tests.fakes.common.webhook import running_webhook
from workers.alerts.notices import post
from workers.platforms.common.address import read_shop_url
from workers.platforms.common.answer_body import MOST_BODY_BYTES
from workers.platforms.common.http import PlatformHttp, Request
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.pacing import CallLimitBucket
from workers.platforms.woocommerce.client import open_client

SPARE_BYTES = 24 * 1024 * 1024
BLANKS = b" " * 60_000_000
KEYS = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}


class Asked:
    """A shop that answers with one reply, asked as workers and dry runs ask it."""

    def __init__(self, stack: ExitStack, reply: Reply) -> None:
        self.accepts: list[str] = []
        self.reply = reply
        self.time = FakeClock()
        self.server = stack.enter_context(FakeServer(self._answer, clock=self.time))
        self.stack = stack

    def _answer(self, call: Call) -> Reply:
        self.accepts.append(call.headers.get("Accept-Encoding", ""))
        return self.reply

    def platform(self) -> object:
        address = read_shop_url(self.server.url, allow_http=True)
        http = PlatformHttp(address, CallLimitBucket(self.time), lambda answer: None, self.time.clock)
        self.stack.callback(http.close)
        return http.call(lambda: Request("GET", f"{self.server.url}/x"), http.deadline()).document

    def woocommerce(self) -> object:
        client = open_client(self.server.url, KEYS, self.time.clock, allow_http=True)
        self.stack.callback(client.close)
        return client.get_product(1)


ASKERS: list[Callable[[Asked], object]] = [Asked.platform, Asked.woocommerce]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def refusal(ask: Callable[[], object]) -> tuple[PlatformError, int]:
    """The error, and the most memory that Python took on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(PlatformError) as caught:
            ask()
        return caught.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("zstd", zstandard.compress(BLANKS)),
        ("deflate", zlib.compress(BLANKS)),
        ("br", b"\x0b\x02\x80{}\x03"),
        ("gzip, gzip", gzip.compress(gzip.compress(BLANKS))),
    ],
    ids=["zstd", "deflate", "br", "gzip twice"],
)
def test_an_encoding_not_asked_for_is_refused(
    stack: ExitStack, asker: Callable[[Asked], object], encoding: str, body: bytes
) -> None:
    asked = Asked(stack, Reply(200, body, {"Content-Encoding": encoding}))
    error, taken = refusal(lambda: asker(asked))
    assert taken < SPARE_BYTES
    assert (error.code, error.retryable) == ("PLATFORM_ENCODING_REFUSED", False)
    assert set(asked.accepts) == {"gzip"}


BOMBS = {
    "blanks": b" " * (MOST_BODY_BYTES + 1),
    "objects": b'{"a":[' + b"{}," * 10_000_000 + b"{}]}",
    "numbers": b'{"a":[' + b"1.5," * 10_000_000 + b"1]}",
    "names": b"{" + b'"abc":1,' * 5_000_000 + b'"a":1}',
}


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(
    stack: ExitStack, asker: Callable[[Asked], object], kind: str
) -> None:
    asked = Asked(stack, Reply(200, gzip.compress(BOMBS[kind], 1), {"Content-Encoding": "gzip"}))
    error, taken = refusal(lambda: asker(asked))
    assert (error.code, error.retryable) == ("PLATFORM_ANSWER_TOO_LARGE", False)
    assert taken < SPARE_BYTES + (MOST_BODY_BYTES if kind == "blanks" else 0)


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity", ""])
def test_gzip_and_identity_are_read(stack: ExitStack, asker: Callable[[Asked], object], encoding: str) -> None:
    body = b'{"id":1,"name":"' + b"x" * 3_000_000 + b'"}'
    sent = gzip.compress(body) if "gzip" in encoding.lower() else body
    headers = {"Content-Encoding": encoding} if encoding else {}
    document = asker(Asked(stack, Reply(200, sent, headers)))
    assert isinstance(document, dict) and (document["id"], len(document["name"])) == (1, 3_000_000)


@pytest.mark.parametrize("asker", ASKERS)
def test_broken_gzip_is_unreadable(stack: ExitStack, asker: Callable[[Asked], object]) -> None:
    asked = Asked(stack, Reply(200, b"{}", {"Content-Encoding": "gzip"}))
    error, _ = refusal(lambda: asker(asked))
    assert (error.code, error.retryable) == ("PLATFORM_ANSWER_UNREADABLE", True)


def test_an_alert_webhooks_answer_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: object, **_named: object) -> Iterator[bytes]:
        raise AssertionError("the answer of a webhook is read")

    for name in ("iter_bytes", "iter_raw", "read"):
        monkeypatch.setattr(httpx.Response, name, never)
    with running_webhook() as hook:
        assert post(hook.url, None, [])

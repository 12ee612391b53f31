"""An HTTP server on loopback in front of a fake platform. It counts calls, and can be slow or faulty."""

from __future__ import annotations

import json
import random
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

MAINTENANCE = b"<!doctype html><html><body><h1>We will be back soon</h1></body></html>"
FAULTS = ("500", "503", "html", "truncated", "cut", "drop", "reset")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as received: `query` and `body` are raw, so that signatures can be verified."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """`is_lost`: the work is done, but the connection breaks before the answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False


class Faults:
    """Which calls fail, and how (FAULTS).

    `drop` closes without an answer, `reset` with a TCP reset, `cut` in the middle of the body; `truncated` is half a document
    in a complete answer; `html` has status 200.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: deque[str | None] = deque()
        self._every = 0
        self._kinds: tuple[str, ...] = ()
        self._chance = 0.0
        self._random = random.Random(0)
        self._calls = 0

    def next(self, *kinds: str | None) -> None:
        """Give the next calls these faults, one each; None for a good answer."""
        self._next.extend(kinds)

    def every(self, nth: int, kind: str) -> None:
        """Give each n-th call this fault; 0 ends it."""
        with self._lock:
            self._every, self._kinds, self._calls = nth, (kind,), 0

    def at_random(self, chance: float, kinds: tuple[str, ...] = FAULTS, seed: int = 0) -> None:
        with self._lock:
            self._chance, self._kinds, self._random = chance, kinds, random.Random(seed)

    def draw(self) -> str | None:
        with self._lock:
            self._calls += 1
            if self._next:
                return self._next.popleft()
            if self._every and self._calls % self._every == 0:
                return self._kinds[0]
            return self._random.choice(self._kinds) if self._chance and self._random.random() < self._chance else None


class FakeServer:
    """Serves `answer` on loopback as a context manager. Port 0 takes a free one; `clock` sets the Date header, `tls` makes it
    https.

    `calls` counts requests by path. `before` runs ahead of each answer, to edit the shop during a pull.
    """

    def __init__(
        self,
        answer: Callable[[Call], Reply],
        port: int = 0,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.clock = clock
        self.calls: Counter[str] = Counter()
        self.latency = 0.0
        self.faults = Faults()
        self.before: Callable[[Call], None] = lambda call: None
        self._scheme = "http" if tls is None else "https"
        self._http = _Listener(("127.0.0.1", port), _handler_of(self))
        if tls is not None:  # hands are shaken in the connection's own thread, at its first read
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}"

    def listen_with(self, context: ssl.SSLContext) -> None:
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may hold its connection open for longer than anyone waits
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that disconnect."""


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        fake = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 60

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.command, parts.path, parts.query, self.headers, body)
        fault = self.fake.faults.draw()
        self.fake.calls[call.path] += 1
        self.fake.before(call)
        if self.fake.latency:
            time.sleep(self.fake.latency)
        if fault in ("drop", "reset"):
            self._hang_up(fault)
        else:
            self._reply(faulty(self.fake.answer(call), fault), fault)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _reply(self, reply: Reply, fault: str | None) -> None:
        if reply.is_lost:
            self._hang_up("drop")
        else:
            self._send(reply, cut=fault == "cut")

    def _send(self, reply: Reply, *, cut: bool) -> None:
        self.send_response_only(reply.status)
        headers = {"Content-Type": "application/json", "Date": formatdate(self.fake.clock(), usegmt=True)}
        for name, value in {**headers, **reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        self.wfile.flush()
        if cut:
            self._hang_up("drop")

    def _hang_up(self, how: str) -> None:
        self.close_connection = True
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing."""


def faulty(reply: Reply, fault: str | None) -> Reply:
    """The answer changed by a fault."""
    if fault in ("500", "503"):
        return Reply(int(fault), b'{"errors":"Internal Server Error"}')
    if fault == "429":
        return Reply(429, b'{"errors":"Exceeded 2 calls per second for api client."}', {"Retry-After": "2.0"})
    if fault == "html":
        return Reply(200, MAINTENANCE, {"Content-Type": "text/html"})
    if fault == "truncated":
        return replace(reply, body=reply.body[: len(reply.body) // 2])
    if fault == "redirect":
        return Reply(302, b"", {"Location": "https://elsewhere.test/"})
    return reply


def serve_until_stopped(fake: AbstractContextManager[Any], url: str, credentials: dict[str, str]) -> None:
    """Start the fake, print `{"url", "credentials"}`, and stop on SIGINT or SIGTERM."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with fake:
        sys.stdout.write(json.dumps({"url": url, "credentials": credentials}) + "\n")
        sys.stdout.flush()
        stop.wait()

"""A webhook receiver on a real socket: stores what was posted, and answers as told."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

DRIP_SECONDS = 0.2


@dataclass
class Webhook:
    """`status` is for the next answers; `posts` and `bodies` were received, refused ones included.

    Until `released` is set, the headers of an answer drip slowly and never end.
    """

    url: str = ""
    status: int = 204
    posts: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.released.set()

    def alerts_of(self, store_id: object) -> list[dict[str, Any]]:
        """The alerts of one store, in order."""
        return [alert for post in self.posts for alert in post["alerts"] if alert["store_id"] == str(store_id)]


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.headers.append(dict(self.headers.items()))
            hook.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            hook.posts.append(json.loads(hook.bodies[-1]))
            self.send_response(hook.status)
            while not hook.released.wait(DRIP_SECONDS):
                self.send_header("X-Drip", "1")
                self.flush_headers()
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Logs nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/hooks/a-secret-path"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()

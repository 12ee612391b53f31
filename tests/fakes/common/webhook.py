"""A receiver of webhooks on a real socket: keeps what was posted, and answers as it is told to."""

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
    """`status` is the next answers'; `posts` the bodies that came, refused ones included. Until it is `released` an answer's
    headers drip, one after the other, and never end."""

    url: str = ""
    status: int = 204
    posts: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.released.set()

    def alerts_of(self, store_id: object) -> list[dict[str, Any]]:
        """What was told about one store, in order."""
        return [alert for post in self.posts for alert in post["alerts"] if alert["store_id"] == str(store_id)]


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """A receiver that listens within the block."""
    hook = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.headers.append(dict(self.headers.items()))
            hook.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.status)
            while not hook.released.wait(DRIP_SECONDS):
                self.send_header("X-Drip", "1")
                self.flush_headers()
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Tests read what came."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/hooks/a-secret-path"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()

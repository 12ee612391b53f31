"""The samples of the contract's page run as they are, and send the same call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.openapi.samples import SampleCall, example_of, sample_call, samples_of

Seen = list[tuple[str, str, str | None, str]]
PROGRAMS = {"curl": "bash", "PHP": "php", "Python": sys.executable}
CALLS = [
    SampleCall("get", "/api/sync/jobs?limit=2"),
    SampleCall("get", "/healthz", has_token=False),
    SampleCall("post", "/api/sync/orders", '{\n  "orders": [{"name": "O\'Neill \\\\ \\"ü\\" $x"}]\n}'),
    SampleCall("delete", "/api/sync/customers/7"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Seen]]:
    seen: Seen = []

    class Recorder(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            seen.append((self.command, self.path, self.headers.get("Authorization"), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            return

    made = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", seen
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.method + call.path)
@pytest.mark.parametrize("language", PROGRAMS)
def test_sample_sends_the_call(server: tuple[str, Seen], language: str, call: SampleCall, tmp_path: Path) -> None:
    if shutil.which(PROGRAMS[language]) is None or (language == "curl" and shutil.which("curl") is None):
        pytest.skip(f"there is no {language} on this machine")
    url, seen = server
    file = tmp_path / "sample"
    file.write_text(samples_of(call)[language], encoding="utf-8")
    given = os.environ | {"URL": url, "TOKEN": "slc_test"}
    done = subprocess.run([PROGRAMS[language], str(file)], env=given, capture_output=True, text=True, timeout=30)
    assert "ok" in done.stdout, done.stdout + done.stderr
    assert seen[-1] == (call.method.upper(), call.path, "Bearer slc_test" if call.has_token else None, call.body or "")


def test_required_parameters_are_filled_with_examples() -> None:
    parameters: list[dict[str, Any]] = [
        {"name": "jobId", "in": "path", "required": True, "example": "01a1", "schema": {}},
        {"name": "entity", "in": "query", "required": True, "schema": {"enum": ["orders"]}},
        {"name": "limit", "in": "query", "schema": {"example": 5}},
    ]
    call = sample_call("get", "/api/x/{jobId}", parameters, None, has_token=True)
    assert call == SampleCall("get", "/api/x/01a1?entity=orders")
    assert example_of(parameters[2]) == "5"

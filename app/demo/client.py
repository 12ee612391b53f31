"""The plugin's side of the API: posts batches, polls their jobs, and waits when it is told to."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from app.demo.errors import DemoError
from app.demo.sample_store import Batch

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 90.0  # how long one call may be put off
LONGEST_WAIT_SECONDS = 30.0
TRY_LATER = (429, 503)

Data = dict[str, Any]


class PluginApi:
    """One store's connection to the API. Close it, or use it as a context."""

    def __init__(self, base_url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "sluice-demo", "Accept-Encoding": "identity"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def post(self, batch: Batch) -> str:
        """Post one batch; returns the id to poll. A repeated attempt carries the same key, so it is accepted once."""
        # Escaped, because a lone surrogate has no UTF-8; WordPress's own encoder escapes too.
        body = json.dumps({batch.entity: batch.records}, ensure_ascii=True).encode("ascii")
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        request = self._http.build_request("POST", f"/api/sync/{batch.entity}", content=body, headers=headers)
        return str(self._data(request)["syncLogId"])

    def job(self, log_id: str) -> Data:
        """The state of one accepted batch."""
        return self._data(self._http.build_request("GET", f"/api/sync/jobs/{log_id}"))

    def errors(self, log_id: str) -> list[Data]:
        """Every skipped record of one batch, all pages."""
        found: list[Data] = []
        cursor: str | None = None
        while True:
            params = {"cursor": cursor} if cursor else {}
            page = self._data(self._http.build_request("GET", f"/api/sync/jobs/{log_id}/errors", params=params))
            found += page["errors"]
            cursor = page.get("nextCursor")
            if not cursor:
                return found

    def _data(self, request: httpx.Request) -> Data:
        response = self._send(request)
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        if not response.is_success or not isinstance(answer.get("data"), dict):
            said = answer.get("error", {}).get("message", "no reason given")
            raise DemoError(f"{request.method} {request.url.path} answered {response.status_code}: {said}")
        return dict(answer["data"])

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send until there is an answer other than "later", or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._try(request)
            if isinstance(answer, httpx.Response) and answer.status_code not in TRY_LATER:
                return answer
            pause = wait_of(answer)
            if time.monotonic() + pause > deadline:
                raise DemoError(f"{request.method} {request.url.path} got no answer in time; the last was {answer!r}")
            time.sleep(pause)

    def _try(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            return error


def wait_of(answer: httpx.Response | httpx.TransportError) -> float:
    """Seconds to wait before the next attempt: what Retry-After says, within reason, else one."""
    said = answer.headers.get("Retry-After", "") if isinstance(answer, httpx.Response) else ""
    return min(float(said), LONGEST_WAIT_SECONDS) if said.isdecimal() else 1.0

"""The plugin's side of the API: posts batches, polls their jobs, and obeys Retry-After."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from app.demo.errors import DemoError
from app.demo.sample_store import SampleBatch

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 90.0  # for one call with its retries
LONGEST_WAIT_SECONDS = 30.0
TRY_LATER = (429, 503)

Data = dict[str, Any]


class PluginApi:
    """One store's connection to the API, as a context manager."""

    def __init__(self, base_url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "sluice-demo", "Accept-Encoding": "identity"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def post(self, batch: SampleBatch) -> str:
        """Post one batch; returns the id to poll. Retries carry the same key, so the batch is accepted once."""
        # Escaped, because a lone surrogate cannot be encoded as UTF-8.
        body = json.dumps({batch.entity: batch.records}, ensure_ascii=True).encode("ascii")
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        request = self._http.build_request("POST", f"/api/sync/{batch.entity}", content=body, headers=headers)
        return str(self._data(request)["syncLogId"])

    def job(self, log_id: str) -> Data:
        return self._data(self._http.build_request("GET", f"/api/sync/jobs/{log_id}"))

    def errors(self, log_id: str) -> list[Data]:
        """All skipped records of one batch."""
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
            reason = answer.get("error", {}).get("message", "no reason given")
            raise DemoError(f"{request.method} {request.url.path} returned {response.status_code}: {reason}")
        return dict(answer["data"])

    def _send(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer: httpx.Response | httpx.TransportError = self._http.send(request)
            except httpx.TransportError as error:
                answer = error
            if isinstance(answer, httpx.Response) and answer.status_code not in TRY_LATER:
                return answer
            pause = wait_of(answer)
            if time.monotonic() + pause > deadline:
                raise DemoError(
                    f"{request.method} {request.url.path} got no final response in time; the last was {answer!r}"
                )
            time.sleep(pause)


def wait_of(answer: httpx.Response | httpx.TransportError) -> float:
    """Seconds to wait before the next attempt: Retry-After up to LONGEST_WAIT_SECONDS, or one."""
    after = answer.headers.get("Retry-After", "") if isinstance(answer, httpx.Response) else ""
    return min(float(after), LONGEST_WAIT_SECONDS) if after.isdecimal() else 1.0

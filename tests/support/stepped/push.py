"""The threads and the shop of a process that sends, moved step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from db.core.pool import Pool
from tests.support.stepped.worker import MovedClock, SteppedWorker, stop, worker_of_thread
from workers.outbound.sending import call_gate, push_store, shop_connection
from workers.shops.opener import open_store_woocommerce

JOIN, CALL, ANSWER = "join", "call", "answer"
WITHOUT_CALL = ("must_ask_for_lists", "lists_of")  # of a client that was asked for its lists


class SteppedThread:
    """Takes the place of a thread of the process. The thread that starts it waits for it at each step."""

    def __init__(self, target: Callable[..., object], args: tuple[Any, ...], name: str) -> None:
        self._work = lambda: target(*args)
        self.name = name
        self.worker: SteppedWorker | None = None

    def start(self) -> None:
        starter = worker_of_thread()
        assert starter is not None
        self.worker = SteppedWorker(self._work)
        starter.waits_for = self.worker

    def join(self, timeout: float) -> None:
        stop(JOIN)

    def is_alive(self) -> bool:
        return self.worker is not None and not self.worker.has_ended


class SteppedThreading:
    """Takes the place of the module `threading`."""

    Thread = SteppedThread


class SteppedShop:
    """A client that stops ahead of each call, and again before it returns the answer."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def close(self) -> None:
        self._client.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        made: Callable[..., Any] = getattr(self._client, name)
        if name in WITHOUT_CALL:
            return made

        def call(*arguments: Any, **named: Any) -> Any:
            stop(CALL)
            answer = made(*arguments, **named)
            stop(ANSWER)
            return answer

        return call


def step_pushes(monkeypatch: pytest.MonkeyPatch, pool: Pool, clock: MovedClock) -> None:
    """Let each process that sends have one sender, the test's clock, and a shop that stops. `pool`: to open the shop."""
    monkeypatch.setattr(push_store, "threading", SteppedThreading)
    monkeypatch.setattr(push_store, "count_threads", lambda gate: 1)
    for module in (push_store, shop_connection, call_gate):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(
        push_store,
        "open_store_woocommerce",
        lambda settings, _pool, store_id: SteppedShop(open_store_woocommerce(settings, pool, store_id)),
    )

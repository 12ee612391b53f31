"""Workers that a test moves step by step: each runs the product's own code in a thread that stops ahead of each transaction.

Only one thread runs at a time, so a test that makes the same moves sees the same run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from db.core.pool import Pool, SluiceConnection
from workers.core.runtime import Runtime

START, TRANSACTION, FETCH, ENDED = "start", "transaction", "fetch", "ended"
LONGEST_STEP_SECONDS = 60.0  # a step that takes longer waits for a lock of a stopped worker: a fault of the test

_of_thread = threading.local()


class Killed(BaseException):
    """Ends a worker where it stands; no handler of the product catches it."""


class SteppedWorker:
    """`work` in a thread of its own. `place` is where it stopped; `waits_for` is what it asked for last."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.place = START
        self.waits_for: Any = None
        self.outcome: object = None
        self._work = work
        self._thrown: BaseException | None = None
        self._error: BaseException | None = None
        self._go, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()
        self._wait()

    @property
    def has_ended(self) -> bool:
        return self.place == ENDED

    def step(self, thrown: BaseException | None = None) -> None:
        """Go on to the next stop; or raise `thrown` at this one. Raises what the work does not handle."""
        assert not self.has_ended
        self._thrown = thrown
        self._go.release()
        self._wait()
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """What a transaction has done is rolled back."""
        while not self.has_ended:
            self.step(Killed())

    def stop(self, place: str) -> None:
        self.place = place
        self._arrived.release()
        self._go.acquire()
        thrown, self._thrown = self._thrown, None
        if thrown is not None:
            raise thrown

    def _wait(self) -> None:
        if not self._arrived.acquire(timeout=LONGEST_STEP_SECONDS):
            raise RuntimeError(f"the worker did not come from {self.place} to another stop")

    def _run(self) -> None:
        _of_thread.worker = self
        try:
            self.stop(START)
            self.outcome = self._work()
        except Killed:
            pass
        except BaseException as error:  # the test's thread raises it
            self._error = error
        finally:
            self.place = ENDED
            self._arrived.release()


def worker_of_thread() -> SteppedWorker | None:
    return getattr(_of_thread, "worker", None)


def stop(place: str) -> None:
    """Stop the worker whose thread this is; a thread of nobody's goes on."""
    worker = worker_of_thread()
    if worker is not None:
        worker.stop(place)


@dataclass(frozen=True)
class SteppedPool:
    """A pool whose connections are handed out at the next step."""

    pool: Pool

    @contextmanager
    def connection(self) -> Iterator[SluiceConnection]:
        stop(TRANSACTION)
        with self.pool.connection() as conn:
            yield conn


def stepped(runtime: Runtime) -> Runtime:
    """The runtime for workers that stop ahead of each transaction."""
    return replace(runtime, pool=cast(Pool, SteppedPool(runtime.pool)))


class SteppedFetch:
    """Takes the place of a future: the test answers it, and a wait for it lasts until the next step."""

    def __init__(self, fetch: Callable[[], object]) -> None:
        self._fetch = fetch
        self._answer: object = None
        self._error: Exception | None = None

    def answer(self) -> None:
        try:
            self._answer = self._fetch()
        except Exception as error:  # whoever waits for the page gets it
            self._error = error

    def fail(self, error: Exception) -> None:
        self._error = error

    def done(self) -> bool:
        return self._answer is not None or self._error is not None

    def result(self, timeout: float) -> object:
        stop(FETCH)
        if self._error is not None:
            raise self._error
        if self._answer is None:
            raise TimeoutError(timeout)
        return self._answer


class SteppedFetcher:
    """Takes the place of the thread that fetches pages."""

    def __init__(self, _threads: int, _name: str) -> None:
        pass

    def submit(self, fetch: Callable[[], object]) -> SteppedFetch:
        asked, worker = SteppedFetch(fetch), worker_of_thread()
        assert worker is not None
        worker.waits_for = asked
        return asked

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        pass


@dataclass
class MovedClock:
    """Real seconds plus those that a test let pass. Takes the place of the module `time`."""

    passed: float = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed

    def time(self) -> float:
        return time.time() + self.passed

"""The supervisor: starts processes, restarts those that die, and stops them in stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from app.settings.logs import get_logger
from app.stack.command_errors import CommandError
from app.stack.supervisor.child import Child, ChildSpec
from app.stack.supervisor.orphans import adopt, children, kill, reap

__all__ = ["Child", "ChildSpec", "Managed", "Supervised", "Supervisor", "next_delay"]

log = get_logger(__name__)

FIRST_DELAY = 0.2
LONGEST_DELAY = 2.0
STEADY_SECONDS = 10.0
TICK_SECONDS = 0.1


class Managed(Protocol):
    """What can be supervised: a `Child`, or an embedded server. `exit_code` is None while it runs."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None: ...

    def start(self) -> None: ...

    def exit_code(self) -> int | None: ...

    def ask_to_stop(self) -> None: ...

    def wait_stopped(self) -> None: ...


def next_delay(previous: float | None, alive_seconds: float) -> float:
    """Seconds to wait before a restart: doubled up to the longest, and the first again after a steady run."""
    if previous is None or alive_seconds >= STEADY_SECONDS:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


def start_managed(managed: Managed) -> None:
    # A full disk or a missing right is an OSError, and told like any failed start.
    try:
        managed.start()
    except OSError as error:
        raise CommandError(f"{managed.name} cannot be started: {error}") from error


class Supervised:
    """One process and the state of its restarts. Times are monotonic seconds."""

    def __init__(self, managed: Managed) -> None:
        self.managed = managed
        self._started_at = 0.0
        self._delay: float | None = None
        self._due: float | None = None  # when to start again; None while it runs

    def start(self, now: float) -> None:
        """The first start. Raises CommandError; a failed restart is logged instead."""
        start_managed(self.managed)
        self._started_at = now

    def tick(self, now: float) -> None:
        if self._due is None:
            code = self.managed.exit_code()
            if code is not None:
                self._plan(now, code)
        elif now >= self._due:
            self._restart(now)

    def _plan(self, now: float, code: int) -> None:
        alive = now - self._started_at
        self._delay = next_delay(self._delay, alive)
        self._due = now + self._delay
        log.warning("process_exited", process=self.managed.name, code=code, alive_seconds=round(alive, 1))

    def _restart(self, now: float) -> None:
        try:
            start_managed(self.managed)
        except CommandError as error:
            self._delay = next_delay(self._delay, 0.0)
            self._due = now + self._delay
            log.error("process_restart_failed", process=self.managed.name, reason=str(error))
            return
        self._started_at = now
        self._due = None
        log.info("process_restarted", process=self.managed.name, pid=self.managed.pid)


class Supervisor:
    """All processes, in the order of their start. It never stops one unless asked."""

    def __init__(self, owns_process: bool = False) -> None:
        """`owns_process`: every child of this process is ours to end, including those whose own parent died."""
        self._supervised: list[Supervised] = []
        self._owns_process = owns_process
        if owns_process:
            adopt()

    def start(self, managed: Managed) -> None:
        """Start it and watch it from now on. Raises CommandError; `stop` then still includes it."""
        supervised = Supervised(managed)
        self._supervised.append(supervised)
        supervised.start(time.monotonic())
        log.info("process_started", process=managed.name, pid=managed.pid)

    def watch(self, stopping: Callable[[], bool], each_tick: Callable[[], None]) -> None:
        """Return once `stopping()`. It sleeps no longer than a tick, so a signal is noticed at once."""
        while not stopping():
            for supervised in self._supervised:
                if not stopping():
                    supervised.tick(time.monotonic())
            reap(self._orphans())
            each_tick()
            time.sleep(TICK_SECONDS)

    def stop(self, stages: Sequence[Sequence[str]]) -> None:
        """Stop one stage after the other, by name; processes of a stage stop side by side. Waits for their work in progress."""
        for stage in stages:
            members = [each.managed for each in self._supervised if each.managed.name in stage]
            for managed in members:
                managed.ask_to_stop()
            for managed in members:
                managed.wait_stopped()
                log.info("process_stopped", process=managed.name)
        kill(self._orphans())

    def _orphans(self) -> list[int]:
        if not self._owns_process:
            return []
        ours = {each.managed.pid for each in self._supervised}
        return [pid for pid in children() if pid not in ours]

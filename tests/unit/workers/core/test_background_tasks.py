"""Background tasks run one round at a time and do not lose errors."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import wait_until
from workers.core.background_tasks import BackgroundTask


def has_ended(task: BackgroundTask) -> bool:
    return task.last is not None and task.last.done()


def test_running_round_is_not_started_again() -> None:
    go_on, rounds = threading.Event(), []
    task = BackgroundTask("test", lambda: rounds.append(go_on.wait(10)))
    task.start()
    task.start()
    assert rounds == []
    go_on.set()
    wait_until(lambda: has_ended(task), 5, "the first round")
    task.start()
    task.stop()
    assert rounds == [True, True]


def test_error_of_a_round_is_raised_by_the_next_start() -> None:
    rounds: list[int] = []

    def fail_at_first() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ValueError("the first")

    task = BackgroundTask("test", fail_at_first)
    task.start()
    wait_until(lambda: has_ended(task), 5, "the first round")
    with pytest.raises(ValueError, match="the first"):
        task.start()
    wait_until(lambda: has_ended(task), 5, "the second round")
    task.start()
    task.stop()
    assert rounds == [0, 1, 2]

"""Decides about attempts: the delay after each, and what a failure means. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from db.core.errors import is_retryable

FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 8.0
JITTER = 0.2

GAVE_UP = "GAVE_UP"
GAVE_UP_MESSAGE = "Processing was interrupted on every attempt. Nothing is lost: retry it, or split the batch."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failed attempt means. The message is for the tenant, without exception text."""

    retry: bool
    code: str
    message: str


UNAVAILABLE = Verdict(True, "TEMPORARILY_UNAVAILABLE", "The database was not available. The batch will be tried again.")
OUT_OF_MEMORY = Verdict(True, "OUT_OF_MEMORY", "The batch needs more memory than was free. It will be tried again.")
INTERNAL = Verdict(False, "INTERNAL", "The batch could not be processed. It is kept, and can be retried.")


def retry_delays(most_attempts: int, random: Callable[[], float]) -> list[float]:
    """Seconds from the start of attempt n (index n-1) to the next: 2, 4, 8, 8 …, each up to a fifth more or less.

    The last is short, because it only delays giving up.
    """
    steps = [min(FIRST_DELAY_SECONDS * 2**n, LONGEST_DELAY_SECONDS) for n in range(most_attempts - 1)]
    return [step * (1 + JITTER * (2 * random() - 1)) for step in [*steps, FIRST_DELAY_SECONDS]]


def verdict_on(error: BaseException) -> Verdict:
    """Retry transient errors only; any other would recur. Lack of memory is transient: another worker may have enough."""
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return UNAVAILABLE if is_retryable(error) else INTERNAL

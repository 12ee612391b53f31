"""What became of the items of one call, each with its verdict; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from db.outbound.item_claims import ClaimedItem, Completed, Failed, Returned, Spent
from db.outbound.mappings import Mapping, Sent
from workers.outbound.planning.priorities import Life, breach_of, delay_after
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import RateLimitError

DEFAULT_PAUSE_SECONDS = 10.0  # after 429 without Retry-After
LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Done:
    """These items are done; `wc_id` is the shop's id of their product or category."""

    items: Sequence[ClaimedItem]
    wc_id: int | None


@dataclass(frozen=True, slots=True)
class Again:
    """These items go back to wait at once, and the attempt does not count: something was learned instead."""

    items: Sequence[ClaimedItem]


@dataclass(frozen=True, slots=True)
class Refused:
    """These items got an error."""

    items: Sequence[ClaimedItem]
    error: PlatformError


@dataclass(slots=True)
class Outcomes:
    """All that one call found out, and the seconds it took."""

    done: list[Done] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    mappings: list[Mapping] = field(default_factory=list)
    gone: list[tuple[UUID, int]] = field(default_factory=list)
    sent: list[tuple[UUID, Sent]] = field(default_factory=list)
    platform_seconds: float = 0.0
    validation_seconds: float = 0.0
    calls: int = 0

    @property
    def pause(self) -> float | None:
        """How long the shop asked us to leave it alone; None where it did not."""
        asked = [pause_of(one.error) for one in self.refused if isinstance(one.error, RateLimitError)]
        return max(asked, default=None)


@dataclass(slots=True)
class Verdicts:
    """What is written about each item."""

    completed: list[Completed] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)


def pause_of(error: PlatformError) -> float:
    asked = DEFAULT_PAUSE_SECONDS if error.retry_after is None else error.retry_after
    return min(asked, LONGEST_PAUSE_SECONDS)


def verdicts_on(outcomes: Outcomes, claim_id: UUID, now: datetime) -> Verdicts:
    """A rate limit spends no attempt; a passing failure does, and the last one fails the item; a permanent one fails it."""
    spent = Spent(outcomes.platform_seconds, outcomes.validation_seconds)
    verdicts = Verdicts()
    for done in outcomes.done:
        verdicts.completed += [Completed(item.id, done.wc_id, _breach(item, spent, now)) for item in done.items]
    for again in outcomes.again:
        verdicts.returned += [Returned(item.id, claim_id, None, None, 0.0, spent=False) for item in again.items]
    for refused in outcomes.refused:
        for item in refused.items:
            _judge(verdicts, claim_id, item, refused.error, _breach(item, spent, now))
    return verdicts


def _judge(verdicts: Verdicts, claim_id: UUID, item: ClaimedItem, error: PlatformError, breach: str | None) -> None:
    code, message = error.code, error.message
    if isinstance(error, RateLimitError):
        verdicts.returned.append(Returned(item.id, claim_id, code, message, pause_of(error), spent=False))
    elif error.retryable and item.attempts < item.max_attempts:
        delay = min(delay_after(item.attempts, error.retry_after), LONGEST_PAUSE_SECONDS)
        verdicts.returned.append(Returned(item.id, claim_id, code, message, delay, spent=True))
    else:
        verdicts.failed.append(Failed(item.id, code, message, error.retryable, breach))


def _breach(item: ClaimedItem, spent: Spent, now: datetime) -> str | None:
    life = Life(
        item.created_at,
        item.due_at,
        item.platform_seconds + spent.platform,
        item.backoff_seconds,
        item.validation_seconds + spent.validation,
    )
    return breach_of(life, now)

"""Decides which items of a claim are completed, fail, or wait for another attempt; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from db.outbound.item_claims import ClaimedItem, Completed, Failed, Returned, Spent
from workers.outbound.planning.priorities import Life, breach_of, delay_after
from workers.outbound.planning.results import Adopted, Changed, Done, Result, Waiting
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import RateLimitError, concerns_whole_shop

LONGEST_DELAY_SECONDS = 3600.0  # what a shop may ask for


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is written about each item."""

    completed: list[Completed] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)

    @property
    def late(self) -> int:
        breaches = [one.breach for one in self.completed] + [one.breach for one in self.failed]
        return sum(breach is not None for breach in breaches)


def decide_items(
    results: Sequence[Result], claim_id: UUID, spent: Spent, now: datetime, paused: float = 0.0
) -> Verdicts:
    """A passing error returns an item until its last attempt, then fails it; a permanent one fails it at once.

    An error of the shop as a whole spends no attempt before the item's deadline, a rate limit never. `paused`: for how many
    seconds the store waits after it. What was learned of the shop spends none.
    """
    verdicts = Verdicts()
    for result in results:
        for item in result.items:
            if isinstance(result, Done):
                verdicts.completed.append(Completed(item.id, result.wc_id, _breach(item, spent, now)))
            elif isinstance(result, Adopted | Waiting):
                verdicts.returned.append(Returned(item.id, claim_id, None, None, 0.0, spent=False))
            elif isinstance(result, Changed) and not result.is_repeated:
                error = result.error
                verdicts.returned.append(Returned(item.id, claim_id, error.code, error.message, 0.0, spent=False))
            elif (returned := _retry(item, claim_id, result.error, now, paused)) is not None:
                verdicts.returned.append(returned)
            else:
                error, breach = result.error, _breach(item, spent, now)
                verdicts.failed.append(Failed(item.id, error.code, error.message, error.retryable, breach))
    return verdicts


def _retry(item: ClaimedItem, claim_id: UUID, error: PlatformError, now: datetime, paused: float) -> Returned | None:
    if concerns_whole_shop(error) and (isinstance(error, RateLimitError) or now <= item.due_at):
        # The store's pause makes it wait, and a probe may end that pause early.
        return Returned(item.id, claim_id, error.code, error.message, 0.0, spent=False, paused=paused)
    if not error.retryable or item.attempts >= item.max_attempts:
        return None
    asked = None if concerns_whole_shop(error) else error.retry_after
    delay = min(delay_after(item.attempts, asked), LONGEST_DELAY_SECONDS)
    return Returned(item.id, claim_id, error.code, error.message, delay, spent=True)


def _breach(item: ClaimedItem, spent: Spent, now: datetime) -> str | None:
    life = Life(
        item.created_at,
        item.due_at,
        item.platform_seconds + spent.platform,
        item.backoff_seconds,
        item.validation_seconds + spent.validation,
    )
    return breach_of(life, now)

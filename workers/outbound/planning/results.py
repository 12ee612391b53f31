"""What became of the items of one claim: `send` returns these values, `save_results` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.outbound.item_claims import ClaimedItem, Spent
from db.outbound.mappings import Sent
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import RateLimitError, concerns_whole_shop


@dataclass(frozen=True, slots=True)
class Done:
    """The shop has it. `wc_id` is its product or category; `sent` is what it has of a product after a write."""

    items: Sequence[ClaimedItem]
    wc_id: int | None
    sent: Sent | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """The shop already had a product with this SKU. It is mapped, and the next claim updates it; no attempt is spent."""

    items: Sequence[ClaimedItem]
    sent: Sent


@dataclass(frozen=True, slots=True)
class Requeued:
    """The next claim tries again at once; no attempt is spent."""

    items: Sequence[ClaimedItem]


@dataclass(frozen=True, slots=True)
class Refused:
    """The items got an error. `deleted_wc_id`: the mapped product that the shop no longer has."""

    items: Sequence[ClaimedItem]
    error: PlatformError
    deleted_wc_id: int | None = None


Result = Done | Adopted | Requeued | Refused


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The results of one claim, the number of calls that it took, and the seconds."""

    results: Sequence[Result]
    calls: int
    spent: Spent

    @property
    def refused(self) -> list[Refused]:
        return [result for result in self.results if isinstance(result, Refused)]

    @property
    def wc_product_ids(self) -> list[int]:
        return [one.sent.wc_product_id for one in self.results if isinstance(one, Done | Adopted) and one.sent]

    @property
    def shop_failure(self) -> PlatformError | None:
        """The error of a call that says that the shop as a whole fails; a rate limit before others."""
        errors = [one.error for one in self.refused if concerns_whole_shop(one.error)]
        return max(errors, key=lambda error: isinstance(error, RateLimitError), default=None)

    @property
    def shows_a_working_shop(self) -> bool:
        return self.calls > 0 and any(isinstance(one, Done | Adopted) for one in self.results)

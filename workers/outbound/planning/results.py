"""What became of the items of one claim: `send` returns these values, `save_results` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.outbound.item_claims import ClaimedItem, Spent
from db.outbound.mappings import Look
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import RateLimitError, concerns_whole_shop


@dataclass(frozen=True, slots=True)
class Done:
    """The shop has it, as `look` showed. `wc_id` is its product or category."""

    items: Sequence[ClaimedItem]
    wc_id: int | None
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """The shop already had a product with this SKU, and differs. It is mapped and weighed; no attempt is spent."""

    items: Sequence[ClaimedItem]
    look: Look


@dataclass(frozen=True, slots=True)
class Changed:
    """The shop has other values than brakes weighed: it is weighed anew, and no attempt is spent unless `is_repeated`."""

    items: Sequence[ClaimedItem]
    look: Look
    error: PlatformError
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The items got an error. `deleted_wc_id`: the mapped product that the shop no longer has. `look`: what the shop has.

    `is_not_ours`: the shop refused to create the product, so one that is found later was there before.
    """

    items: Sequence[ClaimedItem]
    error: PlatformError
    deleted_wc_id: int | None = None
    look: Look | None = None
    is_not_ours: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another product of the same claim must get its result first. No attempt is spent."""

    items: Sequence[ClaimedItem]
    look: Look | None = None


Result = Done | Adopted | Changed | Refused | Waiting


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
        return [one.look.wc_product_id for one in self.results if one.look is not None]

    @property
    def shop_failure(self) -> PlatformError | None:
        """The error of a call that says that the shop as a whole fails; a rate limit before others."""
        errors = [one.error for one in self.refused if concerns_whole_shop(one.error)]
        return max(errors, key=lambda error: isinstance(error, RateLimitError), default=None)

    @property
    def shows_a_working_shop(self) -> bool:
        written = self.calls > 0 and any(isinstance(one, Done) for one in self.results)
        return written or any(one.look is not None for one in self.results)

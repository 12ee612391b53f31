"""How many products may be on their way to a shop at once, by how it answers; pure.

Additive increase, multiplicative decrease: each quick answer allows a few more, and a slow one, or one that says that the shop
as a whole fails, halves the number. It becomes fewer calls at once first, and then smaller calls.
"""

from __future__ import annotations

import enum

from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import concerns_whole_shop

PRODUCTS_A_CALL = 100  # WooCommerce takes no more
LEAST_PRODUCTS = 10
STEP_PRODUCTS = 10
CALLS_AT_ONCE = 4  # unless the store has a limit of its own
MOST_CALLS_AT_ONCE = 10
QUICK_SECONDS = 4.0
SLOW_SECONDS = 8.0


class Signal(enum.Enum):
    """What one answer says."""

    QUICK = "quick"
    STEADY = "steady"
    SLOW = "slow"


def read_signal(seconds: float, error: PlatformError | None) -> Signal:
    """What an answer, or the lack of one, says of the shop. An error of one item says nothing."""
    if seconds > SLOW_SECONDS or (error is not None and concerns_whole_shop(error)):
        return Signal.SLOW
    return Signal.QUICK if seconds <= QUICK_SECONDS and error is None else Signal.STEADY


def next_products_at_once(products: int, signal: Signal, calls_limit: int) -> int:
    """The number after one more answer, from LEAST_PRODUCTS to as many as fit into `calls_limit` full calls."""
    if signal is Signal.SLOW:
        products //= 2
    elif signal is Signal.QUICK:
        products += STEP_PRODUCTS
    return max(LEAST_PRODUCTS, min(products, calls_limit * PRODUCTS_A_CALL))


def is_slowed(products: int | None, calls_limit: int | None) -> bool:
    """Whether less is on its way than the limit allows. None: nothing learned yet, or no limit of the store's own."""
    return products is not None and products < (calls_limit or CALLS_AT_ONCE) * PRODUCTS_A_CALL


def calls_at_once(products: int) -> int:
    return max(1, products // PRODUCTS_A_CALL)


def products_a_call(products: int) -> int:
    return min(products, PRODUCTS_A_CALL)

"""How long a store waits after its shop failed as a whole; pure.

Each pause ends with a probe, one small call, and only if that succeeds are items sent again. What the shop asked for is an
upper bound: ten minutes of maintenance are often over after a few seconds.
"""

from __future__ import annotations

from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import RateLimitError

FIRST_PAUSE_SECONDS = 1.0
FIRST_RATE_PAUSE_SECONDS = 5.0  # a host that counts calls is left alone for longer
SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


def pause_seconds(failures: int, error: PlatformError) -> float:
    """Seconds until the next probe, after so many failures in a row (from 1): doubled each time, within the bounds."""
    first = FIRST_RATE_PAUSE_SECONDS if isinstance(error, RateLimitError) else FIRST_PAUSE_SECONDS
    doubled = first * 2.0 ** min(failures - 1, 10)
    asked = LONGEST_PAUSE_SECONDS if error.retry_after is None else error.retry_after
    return max(SHORTEST_PAUSE_SECONDS, min(doubled, asked, LONGEST_PAUSE_SECONDS))

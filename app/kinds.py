"""What a log may be, in the words that filters take."""

from __future__ import annotations

from schemas.envelope import MODES

STATUSES = ("running", "paused", "completed", "failed", "cancelled")
SOURCES = ("plugin", "shopify", "tiktok", "woocommerce")
ALL_MODES = (*MODES, "update", "incremental", "full", "fill")

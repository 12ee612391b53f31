"""Formats numbers, times and names for the pages. Times are in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from schemas.platforms.registry import PLATFORMS

STORED_AMOUNT = re.compile(r"-?\d+\.\d{6}")
MINUTE, HOUR, DAY = 60, 3600, 86400
TITLES = {name: platform.title for name, platform in PLATFORMS.items()}
SOURCES = {"plugin": "Plugin", **TITLES}
MARKS = {
    "running": "▸",
    "paused": "‖",
    "completed": "✓",
    "failed": "✕",
    "cancelled": "–",
    "pending": "…",
    "syncing": "▸",
    "needs_approval": "!",
    "approved": "✓",
    "released": "✓",
    "rejected": "–",
    "superseded": "–",
}
# What people read for a kind of alert.
ALERTS = {
    "log_failed": "A sync failed",
    "running_too_long": "A sync runs or waits too long",
    "zero_rows": "Syncs bring no records any more",
    "skipped_share": "Many records are skipped",
    "watermark_old": "A scheduled pull is behind",
    "queue_depth": "Many changes wait for the shop",
    "sla_lag": "Changes are late for the shop",
    "shop_differs": "The shop differs from the ERP",
    "order_imbalance": "Orders do not add up",
}
LABELS = {"needs_approval": "waiting for approval", "fill": "fill gaps"}


def number(value: int | float | None) -> str:
    """1234567 as 1,234,567; None as a dash."""
    return "–" if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """At most two units: 40 ms, 42 s, 3 min 5 s, 2 h 10 min, 4 d 3 h."""
    if seconds is None:
        return "–"
    if seconds < 0.1:
        return f"{round(max(seconds, 0) * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    for unit, name, lower, lower_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // lower
            return f"{whole // unit} {name} {rest} {lower_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def ago(then: datetime, now: datetime) -> str:
    """In one unit: 12 seconds ago, 3 hours ago, in 2 days."""
    seconds = (now - then).total_seconds()
    size = abs(seconds)
    if size < 1:
        return "now"
    unit, name = next(
        (unit, name) for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (0, "second")) if size >= unit
    )
    count = int(size // unit) if unit else int(size)
    span = f"{count} {name}{'' if count == 1 else 's'}"
    return f"{span} ago" if seconds > 0 else f"in {span}"


def utc(then: datetime | None) -> str:
    return "–" if then is None else f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def stamp(seconds: int) -> str:
    """Seconds since 1970, as a minute in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def when(then: datetime | None) -> Markup:
    """A relative time that the page keeps up to date. Its tooltip is the time in UTC."""
    if then is None:
        return Markup("<span class='nothing'>–</span>")
    stamp = then.astimezone(UTC).isoformat()
    relative = ago(then, datetime.now(UTC))
    return Markup("<time datetime='{}' title='{}' data-relative>{}</time>").format(stamp, utc(then), relative)


def moment(then: datetime | None) -> Markup:
    return Markup("{} <span class='aside'>{}</span>").format(utc(then), when(then)) if then else when(then)


def span(value: timedelta | None) -> str:
    return duration(value.total_seconds()) if value is not None else "–"


def label(name: str | None) -> str:
    """A status, mode or entity as people write it."""
    return LABELS.get(name or "", (name or "–").replace("_", " "))


def column_name(name: str) -> str:
    """customer_external_id as Customer, tax_total as Tax total."""
    return name.removesuffix("_external_id").replace("_", " ").capitalize()


def column_text(text: str) -> str:
    """An amount without the zeros that the database adds: 19.900000 as 19.90. Any other text as it is."""
    if not STORED_AMOUNT.fullmatch(text):
        return text
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def pill(status: str) -> Markup:
    # Sign and word say all: colour is not the only difference between states.
    sign = MARKS.get(status, "·")
    return Markup("<span class='pill {}'><span aria-hidden='true'>{}</span> {}</span>").format(
        escape(status), sign, label(status)
    )


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "duration": duration,
    "utc": utc,
    "stamp": stamp,
    "from_iso": datetime.fromisoformat,
    "from_unix": lambda seconds: datetime.fromtimestamp(seconds, UTC),
    "when": when,
    "moment": moment,
    "span": span,
    "label": label,
    "pill": pill,
    "column_name": column_name,
    "column_text": column_text,
    "source_name": lambda name: SOURCES.get(name, name),
    "alert_name": lambda kind: ALERTS.get(kind, kind),
    "platform_name": lambda name: TITLES.get(name, name),
}

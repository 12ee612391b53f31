"""What was done by the change before this page, said once: the address names it, and only what stands here can be said."""

from __future__ import annotations

from flask import request

from app.console.views.formatting import number

NOTICES = {
    "approved": "Approved: {count} items are on their way to the shop.",
    "rejected": "Rejected: {count} items are given up, and the shop keeps what it has.",
    "retried": "{count} items wait to be sent again.",
    "revoked": "The token is revoked: nothing and nobody can use it any more.",
    "credentials": "The credentials are kept, encrypted. They replace those from before and are never shown.",
    "scheduled": "The schedule is set.",
    "unscheduled": "The schedule is removed. A run in progress goes on.",
}


def notice() -> str | None:
    text = NOTICES.get(request.args.get("done", ""))
    return text.format(count=_count(request.args.get("count", ""))) if text else None


def _count(value: str) -> str:
    return number(int(value)) if value.isascii() and value.isdecimal() and len(value) < 10 else "The"

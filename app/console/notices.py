"""Messages about the change that led to this page. The URL names one of NOTICES, so a link can show no other text."""

from __future__ import annotations

from flask import request

from app.console.views.formatting import number

NOTICES = {
    "acknowledged": "The alert is acknowledged. It ends by itself when its cause is gone.",
    "approved": "Approved: {count} items will be sent to the shop.",
    "rejected": "Rejected: {count} items will not be sent. The shop keeps its values.",
    "retried": "{count} items will be sent again.",
    "retried_syncs": "{count} syncs run again.",
    "retried_some": "{count} syncs run again. The others can't: their payloads are gone, or another run replaced them.",
    "revoked": "The token is revoked and can no longer be used.",
    "credentials": "The credentials are saved and encrypted. They replace the previous ones and are never shown.",
    "scheduled": "The schedule is saved.",
    "unscheduled": "The schedule is removed. A running sync continues.",
}


def notice() -> str | None:
    text, count = NOTICES.get(request.args.get("done", "")), request.args.get("count", "")
    is_number = count.isascii() and count.isdecimal() and len(count) < 10
    return text.format(count=number(int(count)) if is_number else "The") if text else None

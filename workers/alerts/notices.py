"""Sends notices of alerts: writes each to the log, and posts it to a webhook if one is set, until the webhook accepts it.

Delivery is at least once. A notice is repeated if the dispatcher dies before it saved the delivery, or if the answer is lost
or takes longer than HOLD_SECONDS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from standardwebhooks import Webhook

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.insight.alerts import Notice, claim_notices, note_raise_notified, note_recovery_notified, postpone_notice

log = get_logger(__name__)

HOLD_SECONDS = 30.0  # longer than a call may take
TIMEOUT_SECONDS = 3.0
MOST_AT_ONCE = 100
FIRST_DELAY_SECONDS = 15.0
LONGEST_DELAY_SECONDS = 600.0


def send_notices(pool: Pool, webhook_url: str | None, secret: str | None = None) -> None:
    """Send all due notices in one call, signed with `secret` (ALERT_WEBHOOK_SECRET).

    Raises psycopg.Error and PoolTimeout. A failing webhook raises nothing; its notices are postponed.
    """
    with pool.connection() as conn:
        due = claim_notices(conn, HOLD_SECONDS, MOST_AT_ONCE)
    if not due:
        return
    for notice in due:
        _log(notice)
    delivered = webhook_url is None or post(webhook_url, secret, [alert_of(notice) for notice in due])
    for notice in due:
        _save_result(pool, notice, delivered)


def facts_of(notice: Notice) -> dict[str, Any]:
    return {
        "alert_id": str(notice.id),
        "kind": notice.kind,
        "store_id": str(notice.store_id),
        "entity": notice.entity or None,
        "source": notice.source or None,
        "log_id": str(notice.log_id) if notice.log_id else None,
        "measured": notice.measured,
        "threshold": notice.threshold,
        "raised_at": notice.raised_at.isoformat(timespec="seconds"),
        "recovered_at": _recovery(notice),
    }


def _recovery(notice: Notice) -> str | None:
    # A recovery before the raise was delivered gets a notice of its own later.
    if notice.recovered_at is None or not notice.raise_notified:
        return None
    return notice.recovered_at.isoformat(timespec="seconds")


def _log(notice: Notice) -> None:
    if notice.is_logged:
        return
    if notice.raise_notified:
        log.info("alert_recovered", **facts_of(notice))
    else:
        log.warning("alert_raised", **facts_of(notice))


def alert_of(notice: Notice) -> dict[str, Any]:
    return {"event": "recovered" if notice.raise_notified else "raised", **facts_of(notice)}


def post(webhook_url: str, secret: str | None, alerts: Sequence[dict[str, Any]]) -> bool:
    """Whether the webhook accepted them. Logs neither its URL, which may hold a secret, nor an error's text."""
    body = msgspec.json.encode({"alerts": alerts})
    headers = {"Content-Type": "application/json", "User-Agent": "sluice"}
    if secret is not None:
        headers |= signature_headers(secret, body)
    try:
        with httpx.stream(
            "POST",
            webhook_url,
            content=body,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
        ) as answer:
            answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        log.warning("alerts_not_delivered", alerts=len(alerts), status=error.response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("alerts_not_delivered", alerts=len(alerts), error=type(error).__name__)
    else:
        return True
    return False


def signature_headers(secret: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks. The id is a hash of the body, so that a receiver recognizes a repeated message."""
    message_id, now = f"msg_{hashlib.sha256(body).hexdigest()[:32]}", datetime.now(UTC)
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(message_id, now, body.decode()),
    }


def delay_after(tries: int) -> float:
    """Seconds until the next attempt after the n-th, counted from 1: 15, 30, 60 … 600."""
    return float(min(FIRST_DELAY_SECONDS * 2 ** min(tries - 1, 10), LONGEST_DELAY_SECONDS))


def _save_result(pool: Pool, notice: Notice, delivered: bool) -> None:
    mark_delivered = note_recovery_notified if notice.raise_notified else note_raise_notified
    with pool.connection() as conn, tenant(conn, notice.store_id):
        if delivered:
            mark_delivered(conn, notice.store_id, notice.id)
        else:
            postpone_notice(conn, notice.store_id, notice.id, delay_after(notice.tries))

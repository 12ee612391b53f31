"""What `stores`, `tokens` and `operators` share: options of a new token, who creates it, and how tokens are listed."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from app.commands.terminal.output import console, table, write_json
from app.http.scopes import grant_of
from app.usecases.job_answers import moment
from db.stores.tokens import TokenView
from schemas.requests.store_forms import MOST_DAYS_OF_TOKEN, read_label

GRACE_HOURS = 24.0
MOST_GRACE_HOURS = 8760.0


def add_grace(parser: ArgumentParser) -> None:
    about = f"how long the token before lives on; default {GRACE_HOURS:g}, 0 ends it now"
    parser.add_argument("--grace-hours", type=_hours, default=GRACE_HOURS, help=about)


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MOST_GRACE_HOURS:  # not a number is not, either
        raise ArgumentTypeError(f"hours from 0 to {MOST_GRACE_HOURS:g}")
    return value


def days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MOST_DAYS_OF_TOKEN):
        raise ArgumentTypeError(f"days from 1 to {MOST_DAYS_OF_TOKEN}")
    return int(text)


def scope_list(text: str) -> tuple[str, ...]:
    """Scopes with commas between them."""
    try:
        return grant_of("", text.split(",")).scopes
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def label(text: str) -> str | None:
    try:
        return read_label(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def creator() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # a container's user has no name
        return "command line"


def show_tokens(found: Sequence[TokenView], *, as_json: bool) -> None:
    if as_json:
        write_json([_answer(token) for token in found])
        return
    made = table("token", "role", "scopes", "label", "state", "expires", "created", "created by", "last used")
    for token in found:
        made.add_row(
            str(token.id), token.role, ", ".join(token.scopes), escape(token.label or "–"), _state(token),
            moment(token.expires_at) or "never", moment(token.created_at), escape(token.created_by or "unknown"),
            moment(token.last_used_at) or "–",
        )  # fmt: skip
    console().print(made)


def _answer(token: TokenView) -> dict[str, Any]:
    return {
        "tokenId": str(token.id),
        "role": token.role,
        "scopes": list(token.scopes),
        "label": token.label,
        "state": _state(token),
        "expiresAt": moment(token.expires_at),
        "createdAt": moment(token.created_at),
        "createdBy": token.created_by,
        "lastUsedAt": moment(token.last_used_at),
    }


def _state(token: TokenView) -> str:
    if token.is_live:
        return "live"
    return "revoked" if token.revoked_at else "expired"

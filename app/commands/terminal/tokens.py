"""What `stores`, `tokens` and `operators` share: options of a new token, who creates it, and how tokens are shown."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import Any

import click
from rich.markup import escape

from app.commands.terminal.options import Number, Option
from app.commands.terminal.output import Column, console, table, tell, write_json
from app.http.scopes import PRESETS, grant_of
from app.usecases.job_answers import moment
from db.stores.tokens import TokenView
from schemas.requests.store_forms import MOST_DAYS_OF_TOKEN, read_label

GRACE_HOURS = 24.0
MOST_GRACE_HOURS = 8760.0


def _scopes(text: str) -> tuple[str, ...]:
    try:
        return grant_of("", text.split(",")).scopes
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _label(text: str) -> str | None:
    try:
        return read_label(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


role_option: Option = click.option(
    "--role",
    type=click.Choice(tuple(PRESETS)),
    default="store",
    show_default=True,
    help="Preset of the token's scopes.",
)
scopes_option: Option = click.option(
    "--scopes", type=_scopes, metavar="SCOPE,…", help="Scopes in place of a preset, such as ingest,read."
)
label_option: Option = click.option("--label", type=_label, metavar="TEXT", help="Who or what the token is for.")
token_argument: Option = click.argument("token_id", type=click.UUID, metavar="TOKEN")
grace_option: Option = click.option(
    "--grace-hours",
    type=Number(0, MOST_GRACE_HOURS),
    default=GRACE_HOURS,
    show_default=True,
    metavar="HOURS",
    help="How long the old token stays valid; 0 ends it now.",
)


def days_option(default: int | None = None) -> Option:
    """`--days`: without a default a token does not expire."""
    about = f"The token expires after N days (default: {default or 'never'})."
    return click.option("--days", type=click.IntRange(1, MOST_DAYS_OF_TOKEN), default=default, metavar="N", help=about)


def creator() -> str:
    """Who runs the command, by the account's name."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # a container's user has no name
        return "command line"


def tell_token(token: str, *, as_json: bool) -> None:
    tell({"token": token}, f"token  {token}   (shown this once)", as_json=as_json)


def show_tokens(found: Sequence[TokenView], *, as_json: bool) -> None:
    if as_json:
        write_json([_answer(token) for token in found])
        return
    made = table(
        "token", "role", Column("scopes", 5), "label", "state", Column("expires", 1), Column("created", 3),
        Column("created by", 4), Column("last used", 2),
    )  # fmt: skip
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

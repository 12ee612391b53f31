"""`tokens`: the tokens of one store."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.lookups import no_such_store, the_store
from app.commands.terminal.options import json_option, store_argument
from app.commands.terminal.output import tell
from app.commands.terminal.tokens import (
    creator,
    days_option,
    grace_option,
    label_option,
    role_option,
    scopes_option,
    show_tokens,
    tell_token,
    token_argument,
)
from app.http.scopes import grant_of
from app.settings.environment import Settings
from app.stack.command_errors import NotFound
from app.stack.endpoints import resolve
from app.usecases import stores as tenants
from app.usecases.stores import Origin, connected
from db.core.tenancy import tenant
from db.stores.tokens import list_tokens, revoke_token

MOST_LISTED = 1000


@click.group("tokens", cls=Group)
def tokens() -> None:
    """Manage tokens of a store: list, create, revoke, rotate."""


@tokens.command("list", changes=None)
@store_argument
@json_option
def list_(settings: Settings, store_id: UUID, as_json: bool) -> int:
    """List the newest 1,000 tokens of a store."""
    with connected(resolve(settings).database_url) as conn:
        store_id = the_store(conn, store_id)
        with tenant(conn, store_id):
            found = list_tokens(conn, store_id, MOST_LISTED)
    show_tokens(found, as_json=as_json)
    return DONE


@tokens.command("create", changes="token.create", example="tokens create STORE --role erp --days 365")
@store_argument
@role_option
@scopes_option
@label_option
@days_option()
@json_option
def create(
    settings: Settings,
    store_id: UUID,
    role: str,
    scopes: tuple[str, ...] | None,
    label: str | None,
    days: int | None,
    as_json: bool,
) -> int:
    """Create one more token, and print it once."""
    lifetime = None if days is None else timedelta(days=days)
    with connected(resolve(settings).database_url) as conn:
        origin = Origin(creator(), label, lifetime)
        token = tenants.add_token(conn, store_id, grant_of(role, scopes or ()), origin)
    if token is None:
        raise no_such_store(store_id)
    tell_token(token, as_json=as_json)
    return DONE


@tokens.command("revoke", changes="token.revoke")
@store_argument
@token_argument
@json_option
def revoke(settings: Settings, store_id: UUID, token_id: UUID, as_json: bool) -> int:
    """End a token now."""
    with connected(resolve(settings).database_url) as conn, tenant(conn, store_id):
        if not revoke_token(conn, store_id, token_id):
            raise _no_such_token(store_id, token_id)
    tell({"tokenId": str(token_id), "revoked": True}, "revoked", as_json=as_json)
    return DONE


@tokens.command("rotate", changes="token.rotate")
@store_argument
@token_argument
@grace_option
@json_option
def rotate(settings: Settings, store_id: UUID, token_id: UUID, grace_hours: float, as_json: bool) -> int:
    """Create a token with the same scopes, label and lifetime.

    The old one stays valid for the grace.
    """
    with connected(resolve(settings).database_url) as conn:
        token = tenants.replace_token(conn, store_id, token_id, timedelta(hours=grace_hours), creator())
    if token is None:
        raise _no_such_token(store_id, token_id)
    tell_token(token, as_json=as_json)
    return DONE


def _no_such_token(store_id: UUID, token_id: UUID) -> NotFound:
    return NotFound(f"the store has no live token {token_id}: `python -m app tokens list {store_id}` shows them")

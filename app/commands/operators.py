"""`operators`: tokens for those who run the installation. They belong to no store, and only the tables' owner manages them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import click
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option
from app.commands.terminal.output import tell
from app.commands.terminal.tokens import (
    creator,
    days_option,
    grace_option,
    label_option,
    show_tokens,
    tell_token,
    token_argument,
)
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import api_url, resolve
from app.usecases import stores as tenants
from app.usecases.sign_in_links import make_link
from app.usecases.stores import Origin, connected
from db.stores.operator_tokens import as_system, list_operator_tokens, revoke_operator_token

DAYS = 90
SESSION_HOURS = 12


@click.group("operators", cls=Group)
def operators() -> None:
    """Manage operators: tokens, and links to sign in."""


def never_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option("--never", is_flag=True, help="The token does not expire.")(command)


@operators.command("list", changes=None)
@json_option
def list_(settings: Settings, as_json: bool) -> int:
    """List all operators' tokens, newest first."""
    with _owner(settings) as conn, as_system(conn):
        found = list_operator_tokens(conn)
    show_tokens(found, as_json=as_json)
    return DONE


@operators.command(
    "create", changes="operator.create", exclusive=("days", "never"), example='operators create --label "ada"'
)
@label_option
@days_option(DAYS)
@never_option
@json_option
def create(settings: Settings, label: str | None, days: int, never: bool, as_json: bool) -> int:
    """Create a token, and print it once."""
    with _owner(settings) as conn:
        token = tenants.create_operator(conn, Origin(creator(), label, _lifetime(days, never)))
    tell_token(token, as_json=as_json)
    return DONE


@operators.command("sign-in", changes="operator.create", example="operators sign-in")
@json_option
def sign_in(settings: Settings, as_json: bool) -> int:
    """Print a link that signs a browser in to the console, once.

    It works for an hour, and the session ends after 12 hours.
    """
    with _owner(settings) as conn:
        token = tenants.create_operator(conn, Origin(creator(), "sign-in link", timedelta(hours=SESSION_HOURS)))
    with connected(resolve(settings).database_url) as conn:  # links are opened by the application's role
        link = make_link(conn, api_url(settings), token)
    tell({"link": link}, link, as_json=as_json)
    return DONE


@operators.command("revoke", changes="operator.revoke")
@token_argument
@json_option
def revoke(settings: Settings, token_id: UUID, as_json: bool) -> int:
    """End a token now."""
    with _owner(settings) as conn, as_system(conn):
        if not revoke_operator_token(conn, token_id):
            raise _no_such_token(token_id)
    tell({"tokenId": str(token_id), "revoked": True}, "revoked", as_json=as_json)
    return DONE


@operators.command("rotate", changes="operator.rotate", exclusive=("days", "never"))
@token_argument
@grace_option
@days_option(DAYS)
@never_option
@json_option
def rotate(settings: Settings, token_id: UUID, grace_hours: float, days: int, never: bool, as_json: bool) -> int:
    """Create a token with the same label.

    The old one stays valid for the grace.
    """
    grace = timedelta(hours=grace_hours)
    with _owner(settings) as conn:
        token = tenants.replace_operator(conn, token_id, grace, _lifetime(days, never), creator())
    if token is None:
        raise _no_such_token(token_id)
    tell_token(token, as_json=as_json)
    return DONE


def _lifetime(days: int, never: bool) -> timedelta | None:
    return None if never else timedelta(days=days)


@contextmanager
def _owner(settings: Settings) -> Iterator[Connection]:
    owner_url = settings.migration_database_url or resolve(settings).migration_database_url
    if owner_url is None:
        raise CommandError(
            "MIGRATION_DATABASE_URL must be set: operators' tokens are managed as the tables' owner, not as the application"
        )
    try:
        with connected(owner_url, "MIGRATION_DATABASE_URL") as conn:
            yield conn
    except InsufficientPrivilege:
        raise CommandError("MIGRATION_DATABASE_URL must be the URL of the tables' owner, sluice_owner") from None


def _no_such_token(token_id: UUID) -> NotFound:
    return NotFound(f"there is no live operator's token {token_id}: `python -m app operators list` shows them")

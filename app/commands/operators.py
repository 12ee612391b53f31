"""`operators`: tokens for those who run the installation; they belong to no store. Only the tables' owner manages them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from app.commands.terminal.actions import add_action, tell
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.token_words import add_grace, creator, days, label, show_tokens
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases import stores as tenants
from app.usecases.stores import Origin, connected
from db.stores.operator_tokens import as_system, list_operator_tokens, revoke_operator_token

DAYS = 90


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("operators", help="list, create, revoke, rotate operators' tokens", epilog=EXIT_CODES)
    actions = parser.add_subparsers(metavar="action", required=True)
    add_action(actions, "list", run_list, "all operators' tokens, newest first")
    create = add_action(actions, "create", run_create, "prints the token, once")
    create.add_argument("--label", type=label, help="who or what the token is for")
    _add_lifetime(create)
    revoke = add_action(actions, "revoke", run_revoke, "end one token now")
    revoke.add_argument("token_id", type=UUID)
    rotate = add_action(
        actions, "rotate", run_rotate, "a new token with the same label; the one before lives on for a while"
    )
    rotate.add_argument("token_id", type=UUID)
    add_grace(rotate)
    _add_lifetime(rotate)


def _add_lifetime(parser: ArgumentParser) -> None:
    lifetime = parser.add_mutually_exclusive_group()
    lifetime.add_argument("--days", type=days, default=DAYS, help=f"expires after so many days; default {DAYS}")
    lifetime.add_argument("--never", action="store_true", help="does not expire")


def run_list(args: Namespace, settings: Settings) -> int:
    with _owner(settings) as conn, as_system(conn):
        found = list_operator_tokens(conn)
    show_tokens(found, as_json=args.json)
    return DONE


def run_create(args: Namespace, settings: Settings) -> int:
    with _owner(settings) as conn:
        token = tenants.create_operator(conn, Origin(creator(), args.label, _lifetime(args)))
    tell({"token": token}, f"token  {token}   (shown this once)", as_json=args.json)
    return DONE


def run_revoke(args: Namespace, settings: Settings) -> int:
    with _owner(settings) as conn, as_system(conn):
        if not revoke_operator_token(conn, args.token_id):
            raise _no_such_token(args.token_id)
    tell({"tokenId": str(args.token_id), "revoked": True}, "revoked", as_json=args.json)
    return DONE


def run_rotate(args: Namespace, settings: Settings) -> int:
    grace = timedelta(hours=args.grace_hours)
    with _owner(settings) as conn:
        token = tenants.replace_operator(conn, args.token_id, grace, _lifetime(args), creator())
    if token is None:
        raise _no_such_token(args.token_id)
    tell({"token": token}, f"token  {token}   (shown this once)", as_json=args.json)
    return DONE


def _lifetime(args: Namespace) -> timedelta | None:
    return None if args.never else timedelta(days=args.days)


@contextmanager
def _owner(settings: Settings) -> Iterator[Connection]:
    """A connection of the owner's role. Raises CommandError where its URL is missing, or names another role."""
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

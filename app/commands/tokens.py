"""`tokens`: the tokens of one store, with scopes, a label and an end."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import timedelta
from uuid import UUID

from app.commands.terminal.actions import add_action, tell
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.lookups import no_such_store, the_store
from app.commands.terminal.token_words import add_grace, creator, days, label, scope_list, show_tokens
from app.http.scopes import PRESETS, grant_of
from app.settings.environment import Settings
from app.stack.command_errors import NotFound
from app.stack.endpoints import resolve
from app.usecases import stores as tenants
from app.usecases.stores import Origin, connected
from db.core.tenancy import tenant
from db.stores.tokens import list_tokens, revoke_token

MOST_LISTED = 1000


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("tokens", help="list, create, revoke, rotate tokens of a store", epilog=EXIT_CODES)
    actions = parser.add_subparsers(metavar="action", required=True)
    about_rotate = "a new token with the same scopes, label and lifetime; the one before it lives on for a while"
    listing = add_action(actions, "list", run_list, f"the newest tokens of a store, {MOST_LISTED} at most")
    create = add_action(actions, "create", run_create, "one more token beside those in use; printed once")
    revoke = add_action(actions, "revoke", run_revoke, "end one token now")
    rotate = add_action(actions, "rotate", run_rotate, about_rotate)
    for action in (listing, create, revoke, rotate):
        action.add_argument("store_id", type=UUID)
    for action in (revoke, rotate):
        action.add_argument("token_id", type=UUID)
    create.add_argument("--role", choices=PRESETS, default="store", help="preset of the scopes; default store")
    create.add_argument("--scopes", type=scope_list, default=(), help="in the place of a preset, such as ingest,read")
    create.add_argument("--label", type=label, help="who or what the token is for")
    create.add_argument("--days", type=days, help="expires after so many days; default never")
    add_grace(rotate)


def run_list(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        store_id = the_store(conn, args.store_id)
        with tenant(conn, store_id):
            found = list_tokens(conn, store_id, MOST_LISTED)
    show_tokens(found, as_json=args.json)
    return DONE


def run_create(args: Namespace, settings: Settings) -> int:
    lifetime = None if args.days is None else timedelta(days=args.days)
    with connected(resolve(settings).database_url) as conn:
        origin = Origin(creator(), args.label, lifetime)
        token = tenants.add_token(conn, args.store_id, grant_of(args.role, args.scopes), origin)
    if token is None:
        raise no_such_store(args.store_id)
    tell({"token": token}, f"token  {token}   (shown this once)", as_json=args.json)
    return DONE


def run_revoke(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn, tenant(conn, args.store_id):
        if not revoke_token(conn, args.store_id, args.token_id):
            raise _no_such_token(args)
    tell({"tokenId": str(args.token_id), "revoked": True}, "revoked", as_json=args.json)
    return DONE


def run_rotate(args: Namespace, settings: Settings) -> int:
    grace = timedelta(hours=args.grace_hours)
    with connected(resolve(settings).database_url) as conn:
        token = tenants.replace_token(conn, args.store_id, args.token_id, grace, creator())
    if token is None:
        raise _no_such_token(args)
    tell({"token": token}, f"token  {token}   (shown this once)", as_json=args.json)
    return DONE


def _no_such_token(args: Namespace) -> NotFound:
    listing = f"`python -m app tokens list {args.store_id}` shows them"
    return NotFound(f"the store has no live token {args.token_id}: {listing}")

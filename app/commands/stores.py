"""`stores`: create and list tenants, keep their credentials, rotate their tokens, delete them."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.table import Table

from app import tenants
from app.answers import moment
from app.settings import Settings
from app.stack.endpoints import resolve
from app.stack.errors import StackError
from app.tenants import PLATFORMS, TOKEN_ROLES, connected

GRACE_HOURS = 24.0


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("stores", help="create, list, set-credentials, rotate-token, revoke-tokens, delete")
    actions = parser.add_subparsers(metavar="action", required=True)
    create = _action(actions, "create", run_create, "a new tenant; prints its id and token, once")
    create.add_argument("--name", required=True)
    create.add_argument("--platform", required=True, choices=PLATFORMS)
    create.add_argument("--url", help="base URL of the shop or of the platform's API")
    create.add_argument("--credentials", metavar="JSON|@FILE", help="the platform's credentials, kept encrypted")
    create.add_argument("--role", choices=TOKEN_ROLES, default="store")
    create.add_argument("--json", action="store_true")
    _action(actions, "list", run_list, "all tenants").add_argument("--json", action="store_true")
    credentials = _action(actions, "set-credentials", run_set_credentials, "replace a tenant's credentials")
    credentials.add_argument("store_id", type=UUID)
    credentials.add_argument("--credentials", metavar="JSON|@FILE", required=True)
    rotate = _action(actions, "rotate-token", run_rotate, "a new token; the one before it lives on for a while")
    rotate.add_argument("store_id", type=UUID)
    rotate.add_argument("--role", choices=TOKEN_ROLES, default="store")
    rotate.add_argument(
        "--grace-hours", type=float, default=GRACE_HOURS, help=f"default {GRACE_HOURS:g}; 0 ends it now"
    )
    rotate.add_argument("--json", action="store_true")
    _action(actions, "revoke-tokens", run_revoke, "end all tokens of a tenant now").add_argument("store_id", type=UUID)
    delete = _action(actions, "delete", run_delete, "erase a tenant with all its data")
    delete.add_argument("store_id", type=UUID)
    delete.add_argument("--yes", action="store_true", help="do not ask")


def _action(
    actions: _SubParsersAction[ArgumentParser], name: str, run: Callable[[Namespace, Settings], int], about: str
) -> ArgumentParser:
    parser = actions.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def run_create(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    credentials = read_credentials(args.credentials) if args.credentials else None
    with connected(endpoints.database_url) as conn:
        created = tenants.create_store(conn, args.name, args.platform, args.url, args.role)
        if credentials is not None:
            tenants.set_credentials(conn, endpoints.secret_key, created.store_id, credentials)
    if args.json:
        sys.stdout.write(json.dumps({"storeId": str(created.store_id), "token": created.token}) + "\n")
    else:
        sys.stdout.write(f"store  {created.store_id}\ntoken  {created.token}   (shown this once)\n")
    return 0


def run_list(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        found = tenants.list_stores(conn)
    if args.json:
        rows = [
            {"storeId": str(store.id), "name": store.name, "platform": store.platform, "url": store.shop_url,
             "hasCredentials": store.has_credentials, "lastSyncAt": moment(store.last_sync_at)}
            for store in found
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    table = Table("store", "name", "platform", "credentials", "last sync")
    for store in found:
        kept = "kept" if store.has_credentials else "-"
        table.add_row(str(store.id), store.name, store.platform, kept, moment(store.last_sync_at) or "-")
    Console().print(table)
    return 0


def run_set_credentials(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    credentials = read_credentials(args.credentials)
    with connected(endpoints.database_url) as conn:
        if not tenants.set_credentials(conn, endpoints.secret_key, args.store_id, credentials):
            raise _no_such_store(args.store_id)
    return 0


def run_rotate(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        token = tenants.rotate_token(conn, args.store_id, args.role, timedelta(hours=args.grace_hours))
    if token is None:
        raise _no_such_store(args.store_id)
    line = json.dumps({"storeId": str(args.store_id), "token": token}) if args.json else f"token  {token}"
    sys.stdout.write(line + "\n")
    return 0


def run_revoke(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        sys.stdout.write(f"{tenants.revoke_all(conn, args.store_id)} tokens revoked\n")
    return 0


def run_delete(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        if not args.yes and input(f"Erase store {args.store_id} with all its data? Type yes: ") != "yes":
            return 1
        if not tenants.delete_store(conn, args.store_id):
            raise _no_such_store(args.store_id)
    return 0


def read_credentials(text: str) -> dict[str, str]:
    """From JSON, or from @FILE that holds it. Raises StackError that does not repeat what it read."""
    try:
        value = json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError:
        raise StackError(f"{text[1:]} can't be read") from None
    except ValueError:
        raise StackError("--credentials must be a JSON object, or @FILE with one") from None
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise StackError("--credentials must be a JSON object of texts")
    return value


def _no_such_store(store_id: UUID) -> StackError:
    return StackError(f"there is no store {store_id}: `python -m app stores list` shows them")

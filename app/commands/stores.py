"""`stores`: create and list tenants, keep their credentials, rotate their tokens, delete them."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from redis.exceptions import RedisError
from rich.markup import escape

from app.audit.notes import note
from app.commands.scrub import run_scrub
from app.commands.terminal.actions import add_action, tell
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.lookups import no_such_store
from app.commands.terminal.output import console, table, write_json
from app.commands.terminal.token_words import add_grace, creator, scope_list
from app.http.scopes import PRESETS
from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError
from app.stack.endpoints import resolve
from app.usecases import stores as tenants
from app.usecases.job_answers import moment
from app.usecases.stores import connected
from schemas.platforms.registry import PLATFORMS
from schemas.requests.store_forms import MOST_NAME
from workers.core.queues import connect, forget_store

REDIS_TIMEOUT_SECONDS = 5.0


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    words = "create, list, set-credentials, rotate-token, revoke-tokens, delete, scrub"
    parser = commands.add_parser("stores", help=words, epilog=EXIT_CODES)
    actions = parser.add_subparsers(metavar="action", required=True)
    create = add_action(actions, "create", run_create, "a new tenant; prints its id and token, once")
    create.add_argument("--name", type=_name, required=True)
    create.add_argument("--platform", required=True, choices=PLATFORMS)
    create.add_argument("--url", type=_url, help="base URL of the shop or of the platform's API")
    create.add_argument("--credentials", metavar="JSON|@FILE", help="the platform's credentials, kept encrypted")
    create.add_argument("--role", choices=PRESETS, default="store", help="preset of the token's scopes; default store")
    create.add_argument("--scopes", type=scope_list, default=(), help="in the place of a preset, such as ingest,read")
    add_action(actions, "list", run_list, "all tenants")
    credentials = add_action(actions, "set-credentials", run_set_credentials, "replace a tenant's credentials")
    credentials.add_argument("store_id", type=UUID)
    credentials.add_argument("--credentials", metavar="JSON|@FILE", required=True)
    rotate = add_action(actions, "rotate-token", run_rotate, "a new token; the one before it lives on for a while")
    rotate.add_argument("store_id", type=UUID)
    rotate.add_argument("--role", choices=PRESETS, default="store")
    add_grace(rotate)
    add_action(actions, "revoke-tokens", run_revoke, "end all tokens of a tenant now").add_argument(
        "store_id", type=UUID
    )
    delete = add_action(actions, "delete", run_delete, "erase a tenant with all its data")
    delete.add_argument("store_id", type=UUID)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    add_action(
        actions, "scrub", run_scrub, "rewrite tables and logs, so that no byte of what was deleted is left on disk"
    )


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise ArgumentTypeError(f"a name of at most {MOST_NAME} characters that can be printed")
    return name


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_url = False
    if not is_url:
        raise ArgumentTypeError("a URL with http:// or https://, a host, and no password in it")
    return text


def run_create(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    credentials = read_credentials(args.credentials) if args.credentials else None
    with connected(endpoints.database_url) as conn:
        created = tenants.create_store(
            conn, args.name, args.platform, args.url, args.role, scopes=args.scopes, created_by=creator()
        )
        note(store_id=created.store_id)
        if credentials is not None:
            tenants.set_credentials(conn, endpoints.require_secret_key(), created.store_id, credentials)
    if args.json:
        write_json({"storeId": str(created.store_id), "token": created.token})
    else:
        sys.stdout.write(f"store  {created.store_id}\ntoken  {created.token}   (shown this once)\n")
    return DONE


def run_list(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        found = tenants.list_stores(conn)
    if args.json:
        rows = [
            {"storeId": str(store.id), "name": store.name, "platform": store.platform, "url": store.shop_url,
             "hasCredentials": store.has_credentials, "lastSyncAt": moment(store.last_sync_at)}
            for store in found
        ]  # fmt: skip
        write_json(rows)
        return DONE
    made = table("store", "name", "platform", "url", "credentials", "last sync")
    for store in found:
        kept = "kept" if store.has_credentials else "–"
        last = moment(store.last_sync_at) or "–"
        made.add_row(str(store.id), escape(store.name), store.platform, escape(store.shop_url or "–"), kept, last)
    console().print(made)
    return DONE


def run_set_credentials(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    credentials = read_credentials(args.credentials)
    with connected(endpoints.database_url) as conn:
        if not tenants.set_credentials(conn, endpoints.require_secret_key(), args.store_id, credentials):
            raise no_such_store(args.store_id)
    tell({"storeId": str(args.store_id), "hasCredentials": True}, "kept, encrypted", as_json=args.json)
    return DONE


def run_rotate(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        grace = timedelta(hours=args.grace_hours)
        token = tenants.rotate_token(conn, args.store_id, args.role, grace, created_by=creator())
    if token is None:
        raise no_such_store(args.store_id)
    tell({"storeId": str(args.store_id), "token": token}, f"token  {token}", as_json=args.json)
    return DONE


def run_revoke(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        revoked = tenants.revoke_all(conn, args.store_id)
    if revoked is None:
        raise no_such_store(args.store_id)
    tell({"storeId": str(args.store_id), "revoked": revoked}, f"{revoked} tokens revoked", as_json=args.json)
    return DONE


def run_delete(args: Namespace, settings: Settings) -> int:
    """Rows first, then what waits in Redis: ids and counts, which would end by themselves within an hour."""
    endpoints = resolve(settings)
    if not args.yes and not _confirmed(f"Erase store {args.store_id} with all its data? Type yes: "):
        raise CommandError("nothing was deleted")
    with connected(endpoints.database_url) as conn:
        if not tenants.delete_store(conn, args.store_id):
            raise no_such_store(args.store_id)
    try:
        with connect(endpoints.redis_url, REDIS_TIMEOUT_SECONDS) as redis:
            forget_store(redis, args.store_id)
    except RedisError:
        raise Away("the store is deleted; Redis is away, and keeps ids of its jobs for an hour at most") from None
    tell({"storeId": str(args.store_id), "deleted": True}, "deleted", as_json=args.json)
    return DONE


def _confirmed(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip() == "yes"


def read_credentials(text: str) -> dict[str, str]:
    """From JSON, or from @FILE that holds it. Raises CommandError that does not repeat what it read."""
    try:
        value = json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError:
        raise CommandError(f"{text[1:]} can't be read") from None
    except ValueError:
        raise CommandError("--credentials must be a JSON object, or @FILE with one") from None
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise CommandError("--credentials must be a JSON object of texts")
    return value

"""`stores`: create and list stores, set credentials, rotate and revoke tokens, delete stores and scrub them from disk."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import click
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.exceptions import RedisError
from rich.markup import escape

from app.audit.notes import note
from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.lookups import no_such_store
from app.commands.terminal.options import json_option, store_argument
from app.commands.terminal.output import Column, console, table, tell, write_json
from app.commands.terminal.references import StoreReference
from app.commands.terminal.tokens import creator, grace_option, role_option, scopes_option
from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError
from app.stack.endpoints import Endpoints, resolve
from app.usecases import stores as tenants
from app.usecases.job_answers import moment
from app.usecases.stores import connected
from db.stores.scrub import forget_wal, has_older_transactions, rewrite_tables
from schemas.platforms.registry import PLATFORMS
from schemas.requests.store_forms import MOST_NAME
from workers.core.queues import connect, forget_store

REDIS_TIMEOUT_SECONDS = 5.0
SCRUB_PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.2
SCRUB_BY_HAND = (
    "tables are rewritten; the write-ahead log is the administrator's: ALTER SYSTEM SET wal_recycle = off; "
    "SELECT pg_reload_conf(), pg_switch_wal(); CHECKPOINT; and once more, then ALTER SYSTEM RESET wal_recycle"
)


@click.group("stores", cls=Group)
def stores() -> None:
    """Manage stores: create, list, credentials, tokens, delete."""


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise click.BadParameter(f"a name has 1 to {MOST_NAME} printable characters.")
    return name


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_url = False
    if not is_url:
        raise click.BadParameter("a URL with http:// or https:// and a host, without a password, is expected.")
    return text


def _credentials(text: str) -> dict[str, str]:
    """From JSON, or from @FILE that holds it. Errors never repeat what was read."""
    try:
        value = json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError:
        raise CommandError(f"{text[1:]} can't be read") from None
    except ValueError:
        raise CommandError("--credentials must be a JSON object, or @FILE with one") from None
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise CommandError("--credentials must be a JSON object of texts")
    return value


@stores.command("create", changes="store.create", example='stores create --name "My shop" --platform woocommerce')
@click.option("--name", type=_name, required=True, metavar="TEXT", help="Shown in the console and in lists.")
@click.option("--platform", type=click.Choice(tuple(PLATFORMS)), required=True)
@click.option("--url", type=_url, metavar="URL", help="Base URL of the shop or of the platform's API.")
@click.option("--credentials", metavar="JSON|@FILE", help="The platform's credentials; they are encrypted.")
@role_option
@scopes_option
@json_option
def create(
    settings: Settings,
    name: str,
    platform: str,
    url: str | None,
    credentials: str | None,
    role: str,
    scopes: tuple[str, ...] | None,
    as_json: bool,
) -> int:
    """Create a store, and print its id and its token once."""
    endpoints = resolve(settings)
    given = (
        _credentials(credentials) if credentials else None
    )  # before the store exists: a wrong file leaves none behind
    with connected(endpoints.database_url) as conn:
        created = tenants.create_store(conn, name, platform, url, role, scopes=scopes or (), created_by=creator())
        note(store_id=created.store_id)
        if given is not None:
            tenants.set_credentials(conn, endpoints.require_secret_key(), created.store_id, given)
    words = f"store  {created.store_id}\ntoken  {created.token}   (shown this once)"
    tell({"storeId": str(created.store_id), "token": created.token}, words, as_json=as_json)
    return DONE


@stores.command("list", changes=None)
@json_option
def list_(settings: Settings, as_json: bool) -> int:
    """List all stores."""
    with connected(resolve(settings).database_url) as conn:
        found = tenants.list_stores(conn)
    if as_json:
        rows = [
            {"storeId": str(store.id), "name": store.name, "platform": store.platform, "url": store.shop_url,
             "hasCredentials": store.has_credentials, "lastSyncAt": moment(store.last_sync_at)}
            for store in found
        ]  # fmt: skip
        write_json(rows)
        return DONE
    made = table("store", "name", "platform", Column("url", 3), Column("credentials", 2), Column("last sync", 1))
    for store in found:
        kept = "kept" if store.has_credentials else "–"
        last = moment(store.last_sync_at) or "–"
        made.add_row(str(store.id), escape(store.name), store.platform, escape(store.shop_url or "–"), kept, last)
    console().print(made)
    return DONE


@stores.command("set-timezone", changes="timezone.set", example="stores set-timezone STORE Europe/Bucharest")
@store_argument
@click.argument("zone")
@json_option
def set_timezone(settings: Settings, store_id: UUID, zone: str, as_json: bool) -> int:
    """Set the shop's time zone, in which sales are counted by day."""
    with connected(resolve(settings).database_url) as conn:
        done = tenants.set_timezone(conn, store_id, zone)
    if done is None:
        raise no_such_store(store_id)
    if not done:
        raise CommandError(f"{zone} is no time zone; a name such as Europe/Bucharest is expected")
    tell({"storeId": str(store_id), "timezone": zone}, f"days of {store_id} are counted in {zone}", as_json=as_json)
    return DONE


@stores.command(
    "set-credentials", changes="credentials.set", example="stores set-credentials STORE --credentials @keys.json"
)
@store_argument
@click.option(
    "--credentials", metavar="JSON|@FILE", required=True, help="The platform's credentials; they are encrypted."
)
@json_option
def set_credentials(settings: Settings, store_id: UUID, credentials: str, as_json: bool) -> int:
    """Replace a store's credentials."""
    endpoints = resolve(settings)
    given = _credentials(credentials)
    with connected(endpoints.database_url) as conn:
        if not tenants.set_credentials(conn, endpoints.require_secret_key(), store_id, given):
            raise no_such_store(store_id)
    tell({"storeId": str(store_id), "hasCredentials": True}, "kept, encrypted", as_json=as_json)
    return DONE


@stores.command("rotate-token", changes="token.rotate")
@store_argument
@role_option
@grace_option
@json_option
def rotate_token(settings: Settings, store_id: UUID, role: str, grace_hours: float, as_json: bool) -> int:
    """Create a token of a preset.

    The one before stays valid for the grace; older ones end now.
    """
    with connected(resolve(settings).database_url) as conn:
        token = tenants.rotate_token(conn, store_id, role, timedelta(hours=grace_hours), created_by=creator())
    if token is None:
        raise no_such_store(store_id)
    tell({"storeId": str(store_id), "token": token}, f"token  {token}", as_json=as_json)
    return DONE


@stores.command("revoke-tokens", changes="token.revoke")
@store_argument
@json_option
def revoke_tokens(settings: Settings, store_id: UUID, as_json: bool) -> int:
    """End all tokens of a store now."""
    with connected(resolve(settings).database_url) as conn:
        revoked = tenants.revoke_all(conn, store_id)
    if revoked is None:
        raise no_such_store(store_id)
    tell({"storeId": str(store_id), "revoked": revoked}, f"{revoked} tokens revoked", as_json=as_json)
    return DONE


@stores.command("delete", changes="store.delete")
@click.argument("store_id", type=StoreReference(prefix=False), metavar="STORE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(settings: Settings, store_id: UUID, yes: bool, as_json: bool) -> int:
    """Erase a store with all its data."""
    endpoints = resolve(settings)
    if not yes and not _confirmed(f"Erase store {store_id} with all its data? Type yes: "):
        raise CommandError("nothing was deleted")
    with connected(endpoints.database_url) as conn:
        if not tenants.delete_store(conn, store_id):
            raise no_such_store(store_id)
    # After the rows: what Redis holds are ids and counts that expire within an hour.
    try:
        with connect(endpoints.redis_url, REDIS_TIMEOUT_SECONDS) as redis:
            forget_store(redis, store_id)
    except RedisError:
        raise Away("the store is deleted; Redis is away, and keeps ids of its jobs for an hour at most") from None
    tell({"storeId": str(store_id), "deleted": True}, "deleted", as_json=as_json)
    return DONE


def _confirmed(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip() == "yes"


@stores.command("scrub", changes="store.scrub")
@json_option
def scrub(settings: Settings, as_json: bool) -> int:
    """Remove deleted data from the database's files.

    Rewrites all tables, one after the other; each is locked meanwhile. Backups and archived logs are not reached.
    """
    endpoints = resolve(settings)
    with connected(_privileged_url(endpoints)) as conn:
        is_superuser = conn.info.parameter_status("is_superuser") == "on"
        _wait_for_older_transactions(conn, datetime.now(UTC))
        rewrite_tables(conn)
        if is_superuser:
            forget_wal(conn)
    done = "no deleted data is left in the database's files"
    tell(
        {"tablesRewritten": True, "walForgotten": is_superuser},
        done if is_superuser else SCRUB_BY_HAND,
        as_json=as_json,
    )
    return DONE


def _privileged_url(endpoints: Endpoints) -> str:
    url = endpoints.superuser_database_url or endpoints.migration_database_url
    if url is None:
        raise CommandError("MIGRATION_DATABASE_URL must be set: tables are rewritten as their owner")
    return make_conninfo(url, dbname=conninfo_to_dict(endpoints.database_url)["dbname"])


def _wait_for_older_transactions(conn: Connection, before: datetime) -> None:
    end = time.monotonic() + SCRUB_PATIENCE_SECONDS
    while has_older_transactions(conn, before):
        if time.monotonic() > end:
            raise CommandError("an open transaction may still see deleted data: end it, and scrub again")
        time.sleep(POLL_SECONDS)

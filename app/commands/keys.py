"""`keys`: under which key each value is, and values made anew under the newest key."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import Connection

from app.backup.progress import stage
from app.commands.terminal.exits import DONE, EXIT_CODES, FAILED
from app.commands.terminal.output import console, table, write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.embedded.redis import EmbeddedRedis
from app.stack.embedded.secrets import Secrets, read_secrets, replace_email_hash_key, replace_secret_key
from app.stack.endpoints import Endpoints, of_configured, of_embedded
from app.stack.on_demand import embedded_postgres
from app.stack.state import is_held
from app.usecases.keys import CredentialKeys, EmailKeys, count_credentials, count_email_hashes, renew_credentials
from app.usecases.stores import connected
from schemas.base.key_ids import key_id

NO_KEY = "plain SHA-256"
HOW_TO = (
    "nothing to do: all credentials are under the newest key. To change it, set SECRET_KEY to a new one and SECRET_KEY_OLD to "
    "the former, restart everything, and run this again"
)


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("keys", help="status, rotate", epilog=EXIT_CODES)
    actions = parser.add_subparsers(metavar="action", required=True)
    about = "how many values are under which key, and which wait"
    status = actions.add_parser("status", help=about, description=about, epilog=EXIT_CODES)
    status.set_defaults(run=run_status)
    about = "encrypt credentials anew under the newest key; killed, it goes on when it is run again"
    rotate = actions.add_parser("rotate", help=about, description=about, epilog=EXIT_CODES)
    rotate.add_argument("--email", action="store_true", help="the key of addresses' hashes: says which customers wait")
    rotate.set_defaults(run=run_rotate)
    for each in (status, rotate):
        each.add_argument("--json", action="store_true")


@contextmanager
def _reached(settings: Settings) -> Iterator[tuple[Connection, Endpoints]]:
    """The servers; embedded ones are started for the command where they do not run."""
    configured = of_configured(settings)
    if configured is not None:
        with connected(configured.database_url) as conn:
            yield conn, configured
        return
    with embedded_postgres(settings.data_dir) as postgres:
        endpoints = of_embedded(settings, postgres, EmbeddedRedis(settings.data_dir))
        with connected(endpoints.database_url) as conn:
            yield conn, endpoints


def _ring(endpoints: Endpoints) -> tuple[str, ...]:
    return (endpoints.require_secret_key(), *endpoints.secret_key_old)


def run_status(args: Namespace, settings: Settings) -> int:
    with _reached(settings) as (conn, endpoints):
        with stage("Trying the keys on credentials"):
            credentials = count_credentials(conn, _ring(endpoints))
        with stage("Counting customers"):
            emails = count_email_hashes(conn)
    if args.json:
        write_json(_status(endpoints, credentials, emails))
    else:
        _show(endpoints, credentials, emails)
    return DONE


def _status(endpoints: Endpoints, credentials: CredentialKeys, emails: list[EmailKeys]) -> dict[str, Any]:
    totals = _totals(emails)
    return {
        "credentials": {
            "newest": key_id(endpoints.require_secret_key()),
            "stores": dict(credentials.by_key),
            "waiting": credentials.waiting(endpoints.require_secret_key()),
            "unreadable": [str(store_id) for store_id in credentials.unreadable],
        },
        "emails": {
            "newest": key_id(endpoints.email_hash_key) if endpoints.email_hash_key else None,
            "customers": {name or NO_KEY: count for name, count in totals.items()},
            "waiting": sum(each.waiting(endpoints.email_hash_key) for each in emails),
        },
    }


def _totals(emails: list[EmailKeys]) -> Counter[str | None]:
    totals: Counter[str | None] = Counter()
    for each in emails:
        totals.update(each.by_key)
    return totals


def _show(endpoints: Endpoints, credentials: CredentialKeys, emails: list[EmailKeys]) -> None:
    former = {key_id(key): "SECRET_KEY_OLD" for key in endpoints.secret_key_old}
    names = former | {key_id(endpoints.require_secret_key()): "SECRET_KEY"}
    made = table("key", "setting", "encrypts")
    for name, setting in names.items():
        made.add_row(name, setting, f"credentials of {credentials.by_key[name]:,} stores")
    if credentials.unreadable:
        made.add_row("unknown", "–", f"credentials of {len(credentials.unreadable):,} stores: they can't be read")
    current = key_id(endpoints.email_hash_key) if endpoints.email_hash_key else None
    for email_key, count in ({current: 0} | _totals(emails)).items():
        setting = (
            "EMAIL_HASH_KEY" if email_key and email_key == current else "–" if email_key is None else "a former one"
        )
        made.add_row(email_key or NO_KEY, setting, f"the hashed addresses of {count:,} customers")
    console().print(made)
    _tell_waiting(credentials.waiting(endpoints.require_secret_key()), emails, endpoints.email_hash_key)


def _tell_waiting(credentials: int, emails: list[EmailKeys], email_key: str | None) -> None:
    if credentials:
        sys.stdout.write(f"{credentials:,} stores' credentials wait for `keys rotate`.\n")
    waiting = sum(each.waiting(email_key) for each in emails)
    if waiting:
        sys.stdout.write(f"{waiting:,} customers wait until they are posted again: a hash can't be computed anew.\n")


def run_rotate(args: Namespace, settings: Settings) -> int:
    return _rotate_email(args, settings) if args.email else _rotate_credentials(args, settings)


def _rotate_credentials(args: Namespace, settings: Settings) -> int:
    generates = settings.database_url is None and settings.secret_key is None
    if generates:
        _refuse_running(settings.data_dir)
    with _reached(settings) as (conn, endpoints):
        found = count_credentials(conn, _ring(endpoints))
        if generates and not found.waiting(endpoints.require_secret_key()):
            fresh = replace_secret_key(
                settings.data_dir, _kept(settings.data_dir)
            )  # durable before anything is under it
            endpoints = replace(endpoints, secret_key=fresh.secret_key, secret_key_old=fresh.secret_keys_old)
        with stage("Encrypting credentials anew") as tell:
            renewed = renew_credentials(
                conn, _ring(endpoints), lambda done, total: tell(f"{done:,} of {total:,} stores")
            )
        left = count_credentials(conn, _ring(endpoints))
    newest = key_id(endpoints.require_secret_key())
    if args.json:
        unreadable = [str(store_id) for store_id in left.unreadable]
        write_json({"newest": newest, "renewed": renewed, "unreadable": unreadable})
    elif renewed or generates:
        sys.stdout.write(f"{renewed:,} stores' credentials are encrypted anew; the newest key is {newest}.\n")
    else:
        sys.stdout.write(f"{HOW_TO}\n")
    if left.unreadable:
        named = ", ".join(str(store_id) for store_id in left.unreadable[:5])
        raise CommandError(
            f"credentials of {len(left.unreadable)} stores can't be read under any key: set them again: {named}"
        )
    return DONE if not left.waiting(endpoints.require_secret_key()) else FAILED


def _rotate_email(args: Namespace, settings: Settings) -> int:
    """A hash can't be made anew, so all that can be done is to have a key, and to say who waits to be posted again."""
    generates = settings.database_url is None and settings.email_hash_key is None
    if generates:
        _refuse_running(settings.data_dir)
    with _reached(settings) as (conn, endpoints):
        emails = count_email_hashes(conn)
    key = endpoints.email_hash_key
    if generates and not (key and sum(each.waiting(key) for each in emails)):
        key = replace_email_hash_key(settings.data_dir, _kept(settings.data_dir)).email_hash_key
    if key is None:
        raise CommandError(
            "EMAIL_HASH_KEY must be set: `openssl rand -hex 32` makes one; then restart, and run this again"
        )
    waiting = {str(each.store_id): each.waiting(key) for each in emails if each.waiting(key)}
    if args.json:
        write_json({"newest": key_id(key), "waiting": waiting})
        return DONE
    made = table("store", "customers that wait")
    for store_id, count in waiting.items():
        made.add_row(store_id, f"{count:,}")
    if waiting:
        console().print(made)
        sys.stdout.write("They keep their former hash until the plugin posts them, or a full sync pulls them, again.\n")
    else:
        sys.stdout.write(f"no customer waits: all hashes are under key {key_id(key)}, or will be.\n")
    return DONE


def _kept(root: Path) -> Secrets:
    kept = read_secrets(root)
    if kept is None:
        raise CommandError(f"{root}/secrets.json is missing")
    return kept


def _refuse_running(root: Path) -> None:
    """Processes that run know nothing of a new key: they could not read what is under it."""
    if is_held(root):
        raise CommandError("stop Sluice first: its processes would not know the new key")

"""`keys`: which key each value is encrypted or hashed with, and how values move to the newest key."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from psycopg import Connection

from app.backup.progress import stage
from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE, FAILED
from app.commands.terminal.options import json_option
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
    "the former one, restart everything, and run this again"
)


@click.group("keys", cls=Group)
def keys() -> None:
    """Manage keys: status, rotate."""


@contextmanager
def _reached(settings: Settings) -> Iterator[tuple[Connection, Endpoints]]:
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


@keys.command("status", changes=None)
@json_option
def status(settings: Settings, as_json: bool) -> int:
    """Show how many values are under which key, and which wait."""
    with _reached(settings) as (conn, endpoints):
        with stage("Trying the keys on credentials"):
            credentials = count_credentials(conn, _ring(endpoints))
        with stage("Counting customers"):
            emails = count_email_hashes(conn)
    if as_json:
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
    if waiting := credentials.waiting(endpoints.require_secret_key()):
        sys.stdout.write(f"{waiting:,} stores' credentials wait for `keys rotate`.\n")
    if waiting := sum(each.waiting(endpoints.email_hash_key) for each in emails):
        sys.stdout.write(f"{waiting:,} customers wait until they are posted again: a hash can't be computed again.\n")


@keys.command("rotate", changes="key.rotate")
@click.option(
    "--email", is_flag=True, help="Rotate the key of hashed e-mail addresses, and list the customers that wait."
)
@json_option
def rotate(settings: Settings, email: bool, as_json: bool) -> int:
    """Encrypt all credentials under the newest key.

    Sluice may keep running, except on embedded servers. Interrupted, the command continues when it is run again.
    """
    return (_rotate_email if email else _rotate_credentials)(settings, as_json=as_json)


def _rotate_credentials(settings: Settings, *, as_json: bool) -> int:
    generates = settings.database_url is None and settings.secret_key is None
    if generates:
        _refuse_running(settings.data_dir)
    with _reached(settings) as (conn, endpoints):
        found = count_credentials(conn, _ring(endpoints))
        if generates and not found.waiting(endpoints.require_secret_key()):
            # The new key is durable before anything is encrypted with it.
            fresh = replace_secret_key(settings.data_dir, _kept(settings.data_dir))
            endpoints = replace(endpoints, secret_key=fresh.secret_key, secret_key_old=fresh.secret_keys_old)
        with stage("Encrypting credentials") as tell:
            renewed = renew_credentials(
                conn, _ring(endpoints), lambda done, total: tell(f"{done:,} of {total:,} stores")
            )
        left = count_credentials(conn, _ring(endpoints))
    newest = key_id(endpoints.require_secret_key())
    if as_json:
        unreadable = [str(store_id) for store_id in left.unreadable]
        write_json({"newest": newest, "renewed": renewed, "unreadable": unreadable})
    elif renewed or generates:
        sys.stdout.write(f"{renewed:,} stores' credentials are encrypted again; the newest key is {newest}.\n")
    else:
        sys.stdout.write(f"{HOW_TO}\n")
    if left.unreadable:
        named = ", ".join(str(store_id) for store_id in left.unreadable[:5])
        raise CommandError(
            f"credentials of {len(left.unreadable)} stores can't be read under any key: set them again: {named}"
        )
    return DONE if not left.waiting(endpoints.require_secret_key()) else FAILED


def _rotate_email(settings: Settings, *, as_json: bool) -> int:
    # A hash can't be computed again without the address: each customer waits until it is posted again.
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
    if as_json:
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
    if is_held(root):
        raise CommandError("stop Sluice first: its processes would not know the new key")

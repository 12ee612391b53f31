"""The passwords and keys of an embedded installation: generated once, kept in DATA_DIR/secrets.json (0600)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from app.stack.command_errors import CommandError


@dataclass(frozen=True, slots=True)
class Secrets:
    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    secret_key: str = field(repr=False)
    secret_keys_old: tuple[str, ...] = field(repr=False, default=())  # newest first
    email_hash_key: str | None = field(repr=False, default=None)


GENERATED = ("superuser_password", "owner_password", "app_password", "secret_key")


def _four(text: Callable[[str], str]) -> tuple[str, str, str, str]:
    superuser, owner, app, key = map(text, GENERATED)
    return superuser, owner, app, key


def read_secrets(root: Path) -> Secrets | None:
    """None before the first start. Raises CommandError if the file is damaged or unreadable."""
    path = root / "secrets.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        email_key = kept.get("email_hash_key")
        return Secrets(
            *_four(lambda name: str(kept[name])),
            secret_keys_old=tuple(map(str, kept.get("secret_keys_old", ()))),
            email_hash_key=str(email_key) if email_key else None,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}): run as the account that owns it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is damaged: restore it, or delete {root} to start over without its data") from error


def make_secrets(root: Path) -> Secrets:
    return _keep(root, Secrets(*_four(lambda _name: secrets.token_hex(32))))


def replace_secret_key(root: Path, kept: Secrets) -> Secrets:
    # Former keys are kept: values and backups may need them.
    former = (kept.secret_key, *kept.secret_keys_old)
    return _keep(root, replace(kept, secret_key=secrets.token_hex(32), secret_keys_old=former))


def replace_email_hash_key(root: Path, kept: Secrets) -> Secrets:
    return _keep(root, replace(kept, email_hash_key=secrets.token_hex(32)))


def _keep(root: Path, made: Secrets) -> Secrets:
    write_private(root / "secrets.json", json.dumps(asdict(made), indent=2))
    return made


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically; it is durable on return, and only its owner can read it."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)

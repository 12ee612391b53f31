"""The passwords and the key of an embedded installation: made once, kept in DATA_DIR/secrets.json (0600)."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from app.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Secrets:
    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    secret_key: str = field(repr=False)


def read_secrets(root: Path) -> Secrets | None:
    """What is kept under `root`, None before the first start. Raises StackError if the file is damaged."""
    path = root / "secrets.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(**{each.name: str(kept[each.name]) for each in fields(Secrets)})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StackError(f"{path} cannot be read ({error.strerror}): run as the account that owns it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path} is damaged: restore it, or delete {root} to start over without its data") from error


def make_secrets(root: Path) -> Secrets:
    """Generate and keep them; the file is there complete or not at all."""
    made = Secrets(*(secrets.token_hex(32) for _ in fields(Secrets)))
    write_private(root / "secrets.json", json.dumps(asdict(made), indent=2))
    return made


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically, durable before the return, readable by its owner alone."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)

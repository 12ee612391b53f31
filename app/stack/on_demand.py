"""The embedded PostgreSQL for one command: of a running `up`, else started while the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.stack.command_errors import CommandError, NotFound
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.secrets import read_secrets
from app.stack.state import UpLock, current, is_held


@contextmanager
def embedded_postgres(root: Path, *, may_make: bool = False) -> Iterator[EmbeddedPostgres]:
    """Raises CommandError if it can't start, or another process is starting it.

    `may_make` creates a missing installation; without it a mistyped DATA_DIR is an error.
    """
    if not may_make and read_secrets(root) is None:
        raise NotFound(f"there is no Sluice under DATA_DIR {root}: set DATA_DIR to its directory, or DATABASE_URL")
    postgres = EmbeddedPostgres(root)
    if is_held(root):
        current(root)
        yield postgres
        return
    root.mkdir(parents=True, exist_ok=True)
    lock = UpLock(root)
    if not lock.take():
        raise CommandError(f"Sluice is just starting on DATA_DIR {root}: try again in a moment")
    try:
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
    finally:
        lock.release()

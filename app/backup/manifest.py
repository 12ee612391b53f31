"""An archive's manifest: the rows it must hold by table, its checksum, and the grants that pg_dump leaves out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from app.stack.command_errors import CommandError, NotFound
from db.core.backup import Grant

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`rows` were counted in the snapshot of the dump. `size` is in bytes; `pg_dump` and `server` are major versions."""

    taken_at: str
    database: str
    server: int
    pg_dump: int
    size: int
    sha256: str
    rows: dict[str, int]
    database_grants: list[Grant]
    format: int = FORMAT

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def path_beside(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.json")


def write_manifest(path: Path, manifest: Manifest) -> None:
    with open_private(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_manifest(archive: Path) -> Manifest:
    """Raises CommandError unless archive and manifest exist and match."""
    beside = path_beside(archive)
    for path in (archive, beside):
        if not path.is_file():
            raise NotFound(f"there is no {path}: a backup is two files, FILE and FILE.json")
    try:
        manifest = msgspec.json.decode(beside.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        raise CommandError(f"{beside} can't be read: `backup` did not write it") from None
    if manifest.format != FORMAT:
        raise CommandError(f"{beside} was written by another version of Sluice: restore with that one, then upgrade")
    if archive.stat().st_size != manifest.size or sha256_of(archive) != manifest.sha256:
        raise CommandError(
            f"{archive} is not the file that {beside.name} describes: it was cut short, altered or mixed up"
        )
    return manifest


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_private(path: Path) -> BinaryIO:
    """A new, empty file that only its owner may read; replaces what was there."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

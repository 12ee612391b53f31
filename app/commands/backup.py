"""`backup` and `restore`: the whole database in one file, and back; every row of every store is compared."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from app.backup.create import create_backup
from app.backup.manifest import Manifest, path_beside, read_manifest
from app.backup.restore import Target, look_at, restore_backup
from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option
from app.commands.terminal.output import write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres import DATABASE, EmbeddedPostgres
from app.stack.on_demand import embedded_postgres

KEEP_THE_KEY = "Keep SECRET_KEY elsewhere too: without it the platforms' credentials in the backup can't be read."
AFTERWARDS = (
    "Start Sluice with the SECRET_KEY that was in use when the backup was taken; it brings the tables up to date. "
    "`python -m app keys status` says whether the key is the right one."
)


@click.command("backup", cls=Command, changes="backup.create", needs_key=False, example="backup sluice.dump")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
def backup(settings: Settings, file: Path, force: bool, as_json: bool) -> int:
    """Write the whole database into FILE and its manifest FILE.json.

    FILE has pg_dump's custom format. Only its owner can read the two.
    """
    manifest = _create(settings, file, force=force)
    if as_json:
        write_json({"file": str(file), "bytes": manifest.size, "sha256": manifest.sha256, "rows": manifest.rows})
        return DONE
    files = f"{file} ({manifest.size:,} bytes) and {path_beside(file).name}"
    sys.stdout.write(
        f"{manifest.total:,} rows of {len(manifest.rows)} tables are in {files}; every table was compared.\n"
    )
    sys.stdout.write(f"{KEEP_THE_KEY}\n")
    return DONE


def _create(settings: Settings, file: Path, *, force: bool) -> Manifest:
    if settings.backup_database_url is not None:
        return create_backup(settings.backup_database_url, file, force=force)
    if settings.database_url is not None:
        raise CommandError("BACKUP_DATABASE_URL must be set: a role that sees the rows of all stores takes the backup")
    with embedded_postgres(settings.data_dir) as postgres:
        return create_backup(postgres.superuser_url(DATABASE), file, force=force)


@click.command(
    "restore", cls=Command, changes="backup.restore", needs_key=False, example="restore sluice.dump --dry-run"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--database", metavar="NAME", help="Restore into this database instead of the URL's.")
@click.option("--replace", is_flag=True, help="Take the place of a database that is not empty.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and stop.")
def restore(settings: Settings, file: Path, database: str | None, replace: bool, yes: bool, dry_run: bool) -> int:
    """Restore a backup, and compare every table.

    Owners, grants and row-level security are restored too. A database that is replaced is renamed and kept.
    """
    manifest = read_manifest(file)
    with _server(settings) as server:
        url = server if isinstance(server, str) else server.superuser_url(DATABASE)
        target = look_at(url, database)
        sys.stdout.write(_plan(file, manifest, target))
        sys.stdout.flush()
        if dry_run:
            return DONE
        if not target.is_empty:
            _allow_replacing(target, replace=replace, yes=yes)
        old = restore_backup(file, manifest, target)
    sys.stdout.write(f"Restored {manifest.total:,} rows of {len(manifest.rows)} tables; every table was compared.\n")
    if old is not None:
        sys.stdout.write(f"The former database is kept as {old}: drop it when you no longer need it.\n")
    sys.stdout.write(f"{AFTERWARDS}\n")
    return DONE


def _server(settings: Settings) -> AbstractContextManager[EmbeddedPostgres | str]:
    if settings.restore_database_url is not None:
        return nullcontext(settings.restore_database_url)
    if settings.database_url is not None:
        raise CommandError("RESTORE_DATABASE_URL must be set: a superuser on the database to restore into")
    return embedded_postgres(settings.data_dir, may_make=True)


def _plan(archive: Path, manifest: Manifest, target: Target) -> str:
    ended = f", and {target.sessions} sessions on it will be ended" if target.sessions and not target.is_empty else ""
    after = "" if target.is_empty else " It will be renamed and kept."
    return (
        f"Backup    {archive}: {manifest.total:,} rows of {len(manifest.rows)} tables of database {manifest.database}, "
        f"taken {manifest.taken_at}\n"
        f"Target    database {target.name} of PostgreSQL {target.server} at {target.host}. It {target.state}{ended}.{after}\n"
    )


def _allow_replacing(target: Target, *, replace: bool, yes: bool) -> None:
    if not replace:
        raise CommandError(f"database {target.name} is not empty: choose another with --database, or add --replace")
    if yes:
        return
    sys.stderr.write(f"Replace database {target.name}? Type its name: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != target.name:
        raise CommandError("nothing was restored")

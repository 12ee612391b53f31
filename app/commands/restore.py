"""`restore`: says what it would do, then puts a backup back, into an empty database or in the place of a full one."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from app.backup.manifest import Manifest, read_manifest
from app.backup.restore import Target, look_at, restore_backup
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres import DATABASE, EmbeddedPostgres
from app.stack.on_demand import embedded_postgres

AFTERWARDS = (
    "Start Sluice, which brings the tables up to date, with the SECRET_KEY of the backup's time; `python -m app keys status` "
    "says whether it is the right one."
)


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    about = "put a backup back, with owners, grants and row-level security, and compare every table"
    parser = commands.add_parser("restore", help=about, description=about, epilog=EXIT_CODES)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--database", metavar="NAME", help="restore into this one and not into the one of the URL")
    parser.add_argument("--replace", action="store_true", help="take the place of a database that is not empty")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    manifest = read_manifest(args.file)
    with _server(settings) as server:
        url = server if isinstance(server, str) else server.superuser_url(DATABASE)
        target = look_at(url, args.database)
        sys.stdout.write(plan_of(args.file, manifest, target))
        sys.stdout.flush()
        if args.dry_run:
            return DONE
        if not target.is_empty:
            _allow_replacing(args, target)
        old = restore_backup(args.file, manifest, target)
    sys.stdout.write(f"Restored {manifest.total:,} rows of {len(manifest.rows)} tables; every table was compared.\n")
    if old is not None:
        sys.stdout.write(f"What was there before is kept as database {old}: drop it when it is needed no more.\n")
    sys.stdout.write(f"{AFTERWARDS}\n")
    return DONE


def _server(settings: Settings) -> AbstractContextManager[EmbeddedPostgres | str]:
    if settings.restore_database_url is not None:
        return nullcontext(settings.restore_database_url)
    if settings.database_url is not None:
        raise CommandError("RESTORE_DATABASE_URL must be set: a superuser on the database to restore into")
    return embedded_postgres(settings.data_dir, may_make=True)


def plan_of(archive: Path, manifest: Manifest, target: Target) -> str:
    """What will be done, for people."""
    before = f"It {target.state}"
    sessions = (
        f", and {target.sessions} sessions on it will be ended" if target.sessions and not target.is_empty else ""
    )
    after = "" if target.is_empty else " It will be renamed and kept."
    return (
        f"Backup    {archive}: {manifest.total:,} rows of {len(manifest.rows)} tables of database {manifest.database}, "
        f"taken {manifest.taken_at}\n"
        f"Target    database {target.name} of PostgreSQL {target.server} at {target.host}. {before}{sessions}.{after}\n"
    )


def _allow_replacing(args: Namespace, target: Target) -> None:
    if not args.replace:
        raise CommandError(f"database {target.name} is not empty: choose another with --database, or add --replace")
    if args.yes:
        return
    sys.stderr.write(f"Replace database {target.name}? Type its name: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != target.name:
        raise CommandError("nothing was restored")

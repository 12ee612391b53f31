"""`backup`: the whole database in one file, with every row of every store, checked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from app.backup.create import create_backup
from app.backup.manifest import Manifest, path_beside
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.output import write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres import DATABASE
from app.stack.on_demand import embedded_postgres

KEEP_THE_KEY = "Keep SECRET_KEY elsewhere too: without it the platforms' credentials in the backup can't be read."


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    about = "write the whole database into FILE (pg_dump's custom format) and FILE.json, both for their owner alone"
    parser = commands.add_parser("backup", help=about, description=about, epilog=EXIT_CODES)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--force", action="store_true", help="replace FILE where it exists")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    manifest = _take(args, settings)
    if args.json:
        write_json({"file": str(args.file), "bytes": manifest.size, "sha256": manifest.sha256, "rows": manifest.rows})
        return DONE
    files = f"{args.file} ({manifest.size:,} bytes) and {path_beside(args.file).name}"
    sys.stdout.write(
        f"{manifest.total:,} rows of {len(manifest.rows)} tables are in {files}; every table was compared.\n"
    )
    sys.stdout.write(f"{KEEP_THE_KEY}\n")
    return DONE


def _take(args: Namespace, settings: Settings) -> Manifest:
    if settings.backup_database_url is not None:
        return create_backup(settings.backup_database_url, args.file, force=args.force)
    if settings.database_url is not None:
        raise CommandError("BACKUP_DATABASE_URL must be set: a role that sees the rows of all stores takes the backup")
    with embedded_postgres(settings.data_dir) as postgres:
        return create_backup(postgres.superuser_url(DATABASE), args.file, force=args.force)

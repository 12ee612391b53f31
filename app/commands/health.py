"""`health`: whether a worker, dispatcher or listener of this container lives, for its health check."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.settings.environment import Settings
from workers.core.heartbeat import FRESH_SECONDS, is_alive


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("health", help="exit 0 if the process on DATA_DIR shows signs of life")
    parser.add_argument("process", choices=("worker", "dispatcher", "listener"))
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    if is_alive(settings.data_dir, args.process):
        return 0
    sys.stderr.write(f"no sign of life from the {args.process} within {FRESH_SECONDS:.0f} s\n")
    return 1

"""`up`: the whole of Sluice in one terminal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack.up import up


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser(
        "up",
        help="start everything: embedded servers where no URL is set, migrations, API, workers, dispatcher",
        description="Runs in this terminal until Ctrl-C or SIGTERM, restarts what dies, and leaves nothing behind.",
    )
    parser.set_defaults(run=run)


def run(_args: Namespace, settings: Settings) -> int:
    configure_logging(settings.log_level, settings.log_format)
    return up(settings)

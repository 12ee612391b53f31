"""`dispatcher`: finds what is stranded, admits what waits, gives up on what is spent."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction

from app.commands.terminal.stopping import stop_on_signal
from app.settings.environment import Settings
from app.settings.logs import configure_logging
from app.stack.endpoints import resolve
from workers.processes.dispatcher import run_dispatcher


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("dispatcher", help="re-enqueue stranded logs, once a second; any number may run")
    parser.set_defaults(run=run)


def run(_args: Namespace, settings: Settings) -> int:
    configure_logging(settings.log_level, settings.log_format)
    endpoints = resolve(settings)
    run_dispatcher(settings, endpoints.database_url, endpoints.redis_url, stop_on_signal())
    return 0

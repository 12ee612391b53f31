"""`dashboard`: rq-dashboard beside the application, on this machine's loopback and behind a password made for this run."""

from __future__ import annotations

import os
import secrets
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve

PROGRAM = Path(".venv-dashboard/bin/rq-dashboard")
HOST, PORT = "127.0.0.1", 9181
USER = "sluice"


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser(
        "dashboard", help="rq-dashboard on the queues; `make dashboard` installs and starts it"
    )
    parser.add_argument("--program", type=Path, default=PROGRAM, help="the installed rq-dashboard")
    parser.set_defaults(run=run)


def run(args: Namespace, settings: Settings) -> int:
    """Become rq-dashboard. The password goes by the environment: arguments are for everybody to read."""
    if not args.program.is_file():
        raise CommandError(f"{args.program} is not installed: run `make dashboard`")
    password = secrets.token_urlsafe(12)
    environment = dashboard_environment(resolve(settings).redis_url, password)
    sys.stdout.write(f"rq-dashboard: http://{HOST}:{PORT}  user {USER}, password {password} (good for this run)\n")
    sys.stdout.flush()
    os.execve(args.program, [str(args.program)], {**os.environ, **environment})  # noqa: S606 - the one program meant


def dashboard_environment(redis_url: str, password: str) -> dict[str, str]:
    """How rq-dashboard is set up: it reads our JSON jobs, and may not delete what a store sent."""
    return {
        "RQ_DASHBOARD_REDIS_URL": redis_url,
        "RQ_DASHBOARD_BIND": HOST,
        "RQ_DASHBOARD_PORT": str(PORT),
        "RQ_DASHBOARD_USERNAME": USER,
        "RQ_DASHBOARD_PASSWORD": password,
        "RQ_DASHBOARD_JSON": "true",
        "RQ_DASHBOARD_DISABLE_DELETE": "true",
    }

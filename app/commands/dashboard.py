"""`dashboard`: rq-dashboard on this machine's loopback, with a password made for each run."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from app.commands.terminal.declaration import Command
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve

PROGRAM = Path(".venv-dashboard/bin/rq-dashboard")
HOST, PORT = "127.0.0.1", 9181
USER = "sluice"


@click.command("dashboard", cls=Command, changes=None)
@click.option("--program", type=click.Path(path_type=Path), default=PROGRAM, help="The installed rq-dashboard.")
def dashboard(settings: Settings, program: Path) -> int:
    """Run rq-dashboard on the queues; `make dashboard` installs it."""
    if not program.is_file():
        raise CommandError(f"{program} is not installed: run `make dashboard`")
    password = secrets.token_urlsafe(12)
    environment = dashboard_environment(resolve(settings).redis_url, password)
    sys.stdout.write(f"rq-dashboard: http://{HOST}:{PORT}  user {USER}, password {password} (good for this run)\n")
    sys.stdout.flush()
    # The password goes through the environment: every account can read a process's arguments.
    os.execve(program, [str(program)], {**os.environ, **environment})  # noqa: S606 - the one program meant


def dashboard_environment(redis_url: str, password: str) -> dict[str, str]:
    """The settings of rq-dashboard: it reads JSON jobs, and may not delete any."""
    return {
        "RQ_DASHBOARD_REDIS_URL": redis_url,
        "RQ_DASHBOARD_BIND": HOST,
        "RQ_DASHBOARD_PORT": str(PORT),
        "RQ_DASHBOARD_USERNAME": USER,
        "RQ_DASHBOARD_PASSWORD": password,
        "RQ_DASHBOARD_JSON": "true",
        "RQ_DASHBOARD_DISABLE_DELETE": "true",
    }

"""`demo`: post a sample shop through the API as its plugin would, then show what is in the tables."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import httpx
from rich.console import Console

from app.audit.actions import CREATED_STORE
from app.audit.writing import append
from app.commands.terminal.audit import command_event
from app.demo.errors import DemoError
from app.demo.run import run_demo
from app.settings.environment import Settings
from app.stack.checks import web_url
from app.stack.command_errors import Away, CommandError, NotRunning
from app.stack.endpoints import Endpoints, resolve
from app.stack.state import is_held, read_running
from app.stack.supervisor.child import Child, ChildSpec, wait_ready
from app.usecases.stores import connected, create_store

SHOP_NAME = "Sample shop"
START_SECONDS = 180.0  # a first start creates a database cluster
STOP_SECONDS = 150.0  # a worker finishes the batch in hand
LOG_LINES = 20


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo",
        help="post a sample shop through the API as the plugin would, and show the tables",
        description="Uses the Sluice that runs on DATA_DIR or is configured, or starts one that ends with the demo.",
    )
    parser.set_defaults(run=run)


def run(_args: Namespace, settings: Settings) -> int:
    signal.signal(signal.SIGTERM, _leave)
    try:
        with running_stack(settings) as endpoints:
            with connected(endpoints.database_url) as conn:
                store = create_store(conn, SHOP_NAME, "woocommerce")
                append(conn, command_event(CREATED_STORE, store.store_id, platform="woocommerce"))
            return run_demo(base_url(settings), store.token, store.store_id, endpoints.database_url, Console())
    except DemoError as error:
        raise CommandError(str(error)) from None


def _leave(_number: int, _frame: object) -> NoReturn:
    """SIGTERM unwinds the stack like an exception, so that what the demo started is stopped."""
    raise SystemExit(143)


@contextmanager
def running_stack(settings: Settings) -> Iterator[Endpoints]:
    """The Sluice that runs already, or one of our own that ends with the block. Raises CommandError."""
    try:
        endpoints = resolve(settings)
    except NotRunning:
        with _own_stack(settings):
            yield resolve(settings)
        return
    if not answers(base_url(settings)):
        raise Away(f"nothing answers at {base_url(settings)}: start Sluice with `make run`, or set HOST and PORT")
    yield endpoints


@contextmanager
def _own_stack(settings: Settings) -> Iterator[None]:
    log = settings.data_dir / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = (sys.executable, "-m", "app", "up")
    child = Child(ChildSpec("up", argv, dict(os.environ), stop_timeout=STOP_SECONDS, log=log))
    messages = Console(stderr=True)
    child.start()  # before the spinner: a fork has to come from a process with one thread
    try:
        with messages.status("starting Sluice: database, API, workers …"):
            _wait_serving(child, settings, log)
        yield
    finally:
        with messages.status("stopping Sluice …"):
            child.stop()


def _wait_serving(child: Child, settings: Settings, log: Path) -> None:
    try:
        wait_ready(child, lambda: _serves(settings), START_SECONDS)
    except CommandError as error:
        raise CommandError(f"{tail(log)}\n{error}") from error


def _serves(settings: Settings) -> bool:
    """Whether it is ours that answers: a stranger on the port would answer, too, but leave nothing in DATA_DIR."""
    try:
        resolve(settings)
    except NotRunning:
        return False
    return answers(base_url(settings))


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2.0).is_success
    except httpx.TransportError:
        return False


def base_url(settings: Settings) -> str:
    """Where the running `up` says that it serves; else where the settings put the API."""
    running = read_running(settings.data_dir) if is_held(settings.data_dir) else None
    if running is not None:
        return running.url
    return web_url(settings.host, settings.port)


def tail(log: Path) -> str:
    """The log's last lines."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])

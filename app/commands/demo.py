"""`demo`: post a sample shop through the API, as its plugin would, and show what is in the tables."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import httpx
from rich.console import Console

from app.audit.actions import CREATED_STORE
from app.audit.writing import append
from app.commands.terminal.audit import command_event
from app.commands.terminal.declaration import Command
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
STOP_SECONDS = 150.0  # a worker finishes its batch
LOG_LINES = 20


# It records the store that it creates itself, while its servers still run.
@click.command("demo", cls=Command, changes=None)
def demo(settings: Settings) -> int:
    """Post a sample shop through the API, and show the tables.

    Uses the Sluice that runs on DATA_DIR or is configured; else it starts one that ends with the demo.
    """
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
    raise SystemExit(143)  # an exception unwinds the stack, so that what the demo started is stopped


@contextmanager
def running_stack(settings: Settings) -> Iterator[Endpoints]:
    """The Sluice that runs already, or one that ends with the block. Raises CommandError."""
    try:
        endpoints = resolve(settings)
    except NotRunning:
        with _own_stack(settings):
            yield resolve(settings)
        return
    if not _answers(base_url(settings)):
        raise Away(f"nothing answers at {base_url(settings)}: start Sluice with `make run`, or set HOST and PORT")
    yield endpoints


@contextmanager
def _own_stack(settings: Settings) -> Iterator[None]:
    log = settings.data_dir / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = (sys.executable, "-m", "app", "up")
    child = Child(ChildSpec("up", argv, dict(os.environ), stop_timeout=STOP_SECONDS, log=log))
    messages = Console(stderr=True)
    child.start()  # before the spinner starts its thread: a fork must come from a process with one thread
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
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise CommandError("\n".join([*last, str(error)])) from error


def _serves(settings: Settings) -> bool:
    # Another program on the port would answer too, but only ours writes its state to DATA_DIR.
    try:
        resolve(settings)
    except NotRunning:
        return False
    return _answers(base_url(settings))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2.0).is_success
    except httpx.TransportError:
        return False


def base_url(settings: Settings) -> str:
    """The API's URL: of the running `up`, else as the settings have it."""
    running = read_running(settings.data_dir) if is_held(settings.data_dir) else None
    if running is not None:
        return running.url
    return web_url(settings.host, settings.port)

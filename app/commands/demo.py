"""`demo`: post a sample shop through the API, as its plugin would, and show what is in the tables."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from app.demo.summary import show_next_steps
from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError, NotRunning
from app.stack.endpoints import Endpoints, api_url, resolve
from app.stack.supervisor.child import Child, ChildSpec, wait_ready
from app.usecases.sign_in_links import make_link
from app.usecases.stores import connected, create_store

SHOP_NAME = "Sample shop"
START_SECONDS = 180.0  # a first start creates a database cluster
STOP_SECONDS = 150.0  # a worker finishes its batch


# It records the store that it creates itself, while its servers still run.
@click.command("demo", cls=Command, changes=None)
@click.option("--show-skipped", is_flag=True, help="Also list the skipped records, each with its reason.")
def demo(settings: Settings, show_skipped: bool) -> int:
    """Post a sample shop through the API, and show what arrived.

    Uses the Sluice that runs on DATA_DIR or is configured; else it starts one that ends with the demo.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        with running_stack(settings) as endpoints:
            with connected(endpoints.database_url) as conn:
                store = create_store(conn, SHOP_NAME, "woocommerce")
                append(conn, command_event(CREATED_STORE, store.store_id, platform="woocommerce"))
                link = make_link(conn, api_url(settings), store.token)
            posted = run_demo(api_url(settings), store, endpoints.database_url, Console(), show_skipped=show_skipped)
            show_next_steps(Console(), link, store.token)
            return posted
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
    if not _answers(api_url(settings)):
        raise Away(f"nothing answers at {api_url(settings)}: start Sluice with `make run`, or set HOST and PORT")
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
            wait_ready(child, lambda: _serves(settings), START_SECONDS)
        yield
    finally:
        with messages.status("stopping Sluice …"):
            child.stop()


def _serves(settings: Settings) -> bool:
    # Another program on the port would answer too, but only ours writes its state to DATA_DIR.
    try:
        resolve(settings)
    except NotRunning:
        return False
    return _answers(api_url(settings))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2.0).is_success
    except httpx.TransportError:
        return False

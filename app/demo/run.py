"""Runs the demo: posts the sample shop, reads it back, and compares."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from rich.console import Console

from app.demo.checks import complaints, read_tables
from app.demo.client import PluginApi
from app.demo.delivery import deliver
from app.demo.sample_store import batches
from app.demo.story import days_ahead
from app.demo.summary import show_complaints, show_rejects, show_summary
from app.usecases.stores import CreatedStore


def run_demo(base_url: str, store: CreatedStore, database_url: str, console: Console, *, show_skipped: bool) -> int:
    """Post the sample shop to the API as a plugin would. Returns 0 if all numbers add up, else 1.

    Progress goes to standard error, the summary to `console`. Raises DemoError if the API returns an error.
    """
    sample = batches(days_back=days_ahead(datetime.now(UTC)))
    with PluginApi(base_url, store.token) as api:
        delivery = deliver(api, sample, Console(stderr=True))
    with psycopg.connect(database_url) as conn:
        tables = read_tables(conn, store.store_id)
    wrong = complaints(delivery, tables)
    show_summary(console, delivery, tables, adds_up=not wrong)
    show_complaints(console, wrong)
    if show_skipped:
        show_rejects(console, delivery)
    return 1 if wrong else 0

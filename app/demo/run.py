"""Runs the demo: posts the sample shop, reads it back, and compares."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
from rich.console import Console

from app.demo.checks import complaints, read_tables
from app.demo.client import PluginApi
from app.demo.delivery import deliver
from app.demo.sample_store import batches
from app.demo.story import days_ahead
from app.demo.summary import show_complaints, show_next_steps, show_summary


def run_demo(base_url: str, token: str, store_id: UUID, database_url: str, console: Console) -> int:
    """Post the sample shop to the API as a plugin would. Returns 0 if all numbers add up, else 1.

    Progress goes to standard error, the summary to `console`. Raises DemoError if the API returns an error.
    """
    sample = batches(days_back=days_ahead(datetime.now(UTC)))
    with PluginApi(base_url, token) as api:
        delivery = deliver(api, sample, Console(stderr=True))
    with psycopg.connect(database_url) as conn:
        tables = read_tables(conn, store_id)
    show_summary(console, delivery, tables)
    wrong = complaints(delivery, tables)
    show_complaints(console, wrong)
    show_next_steps(console, base_url, token)
    return 1 if wrong else 0

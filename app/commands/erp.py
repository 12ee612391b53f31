"""`erp import FILE`: an ERP's products from a CSV or NDJSON file, as `PUT /api/v1/erp/products` would take them.

`erp event-secret STORE`: what the store's ERP signs its events with.
"""

from __future__ import annotations

import csv
import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.outbound.items import Origin
from db.stores.stores import get_store
from schemas.base.strict_json import NotJson, loads
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.catalogue import Intake, take_categories, take_products
from workers.outbound.intake.event_sources import store_secret

AT_ONCE = 1000
REFUSALS_SHOWN = 20
LISTS = ("image_urls", "category_ids")  # in CSV their entries are parted by |


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    actions = commands.add_parser("erp", help="the ERP's catalogue").add_subparsers(metavar="action", required=True)
    parser = actions.add_parser(
        "import", help="products from a CSV (with a header) or NDJSON file; changes go to the shop"
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--store", type=UUID, required=True)
    parser.add_argument("--categories", action="store_true", help="the file holds categories")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)
    parser = actions.add_parser("event-secret", help="what a store's ERP signs its events with")
    parser.add_argument("store", type=UUID)
    parser.set_defaults(run=show_event_secret)


def show_event_secret(args: Namespace, settings: Settings) -> int:
    if settings.erp_event_key is None:
        raise CommandError("ERP_EVENT_KEY must be set: the secrets of stores are derived from it")
    sys.stdout.write(store_secret(settings.erp_event_key, args.store) + "\n")
    return 0


def run(args: Namespace, settings: Settings) -> int:
    """Import in transactions of AT_ONCE records; the same file again changes nothing. Exit code 1 where some were refused."""
    endpoints = resolve(settings)
    take = take_categories if args.categories else take_products
    totals: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    with connected(endpoints.database_url) as conn, _opened(args.file) as file:
        with tenant(conn, args.store):
            if get_store(conn, args.store) is None:
                raise NotFound(f"there is no store {args.store}")
        records = _records(args.file, file)
        while chunk := list(islice(records, AT_ONCE)):
            with tenant(conn, args.store):
                intake = take(conn, args.store, chunk, Origin({"source": "import"}))
            refused += _refusals(intake, totals["received"])
            totals += Counter({"received": intake.received, "refused": len(intake.refused), "items": intake.items})
            totals["masked"] += intake.masked
            totals += Counter(intake.counts)
    if totals["items"]:
        WakeUp(connect(endpoints.redis_url)).push(args.store)
    _show(totals, refused, as_json=args.json)
    return 1 if refused else 0


def _opened(path: Path) -> IO[str]:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None


def _records(path: Path, file: IO[str]) -> Iterator[Any]:
    """The file's records as the schema takes them. Raises CommandError for what is no CSV or NDJSON."""
    try:
        if path.suffix.lower() == ".csv":
            yield from map(_from_csv, csv.DictReader(file))
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _from_line(path, number, line)
    except (UnicodeDecodeError, csv.Error):
        raise CommandError(f"{path} is no UTF-8 text with one record a line") from None


def _from_line(path: Path, number: int, line: str) -> Any:
    try:
        return loads(line.encode())
    except NotJson as error:
        raise CommandError(f"{path}, line {number}: {error}") from None


def _from_csv(row: dict[str | None, Any]) -> dict[str, Any]:
    """A row as a record: an empty cell is a field left out, lists are parted by |."""
    filled = {name: value for name, value in row.items() if name and value not in (None, "")}
    return {name: value.split("|") if name in LISTS else value for name, value in filled.items()}


def _refusals(intake: Intake, offset: int) -> list[dict[str, Any]]:
    return [
        {"record": offset + refusal.index + 1, "field": problem.field, "reason": problem.reason}
        for refusal in intake.refused
        for problem in refusal.problems
    ]


def _show(totals: Counter[str], refused: list[dict[str, Any]], *, as_json: bool) -> None:
    names = ("received", "inserted", "updated", "unchanged", "stale", "refused", "masked", "items")
    if as_json:
        sys.stdout.write(json.dumps({**{name: totals[name] for name in names}, "errors": refused}) + "\n")
        return
    table = Table(*names[:-1], "changes to send")
    table.add_row(*(f"{totals[name]:,}" for name in names))
    Console().print(table)
    for one in refused[:REFUSALS_SHOWN]:
        Console().print(f"record {one['record']}: {one['field']} {one['reason']}")
    if len(refused) > REFUSALS_SHOWN:
        Console().print(f"… and {len(refused) - REFUSALS_SHOWN} more; --json lists all")

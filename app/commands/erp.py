"""`erp`: import an ERP's products, discontinue some, and show the secret that a store's ERP signs its events with."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import click

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE, FAILED
from app.commands.terminal.options import json_option, store_argument, store_option
from app.commands.terminal.output import console, table, tell, write_json
from app.openapi.record_examples import ERP_RECORDS
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.outbound.items import Origin
from db.stores.stores import get_store
from schemas.base.strict_json import NotJson, loads
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.catalogue import Intake, take_categories, take_products
from workers.outbound.intake.discontinue import discontinue_products
from workers.outbound.intake.event_sources import store_secret
from workers.outbound.runs import say_yes_beforehand

AT_ONCE = 1000
REFUSALS_SHOWN = 20
LISTS = ("image_urls", "category_ids")  # in CSV their entries are separated by |
PAIRS = ("attributes",)  # as Size=M|Colour=Red


@click.group("erp", cls=Group)
def erp() -> None:
    """Bring the ERP's catalogue: import, discontinue, template, event-secret."""


@erp.command("import", needs_key=False, changes="erp.write", example="erp import products.csv --store STORE")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option("--categories", is_flag=True, help="The file holds categories.")
@click.option("--adopt", is_flag=True, help="Do not wait for approval to change products that the shop has already.")
@json_option
def import_(settings: Settings, file: Path, store: UUID, categories: bool, adopt: bool, as_json: bool) -> int:
    """Import products from a CSV or NDJSON file.

    Products that differ in the shop are sent, as with `PUT /api/v1/erp/products`. The first time that the shop has some of
    them already, all of those wait for `woo approve`, unless `--adopt` is given. A CSV file needs a header. The exit code is
    1 if a record was refused; the others are imported.
    """
    endpoints = resolve(settings)
    take = take_categories if categories else take_products
    totals: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    with connected(endpoints.database_url) as conn, _opened(file) as opened:
        with tenant(conn, store):
            if get_store(conn, store) is None:
                raise NotFound(f"there is no store {store}")
            if adopt:
                say_yes_beforehand(conn, store)
        records = _records(file, opened)
        while chunk := list(islice(records, AT_ONCE)):
            with tenant(conn, store):
                intake = take(conn, store, chunk, Origin({"source": "import"}))
            refused += _refusals(intake, totals["received"])
            totals += Counter({"received": intake.received, "refused": len(intake.refused), "items": intake.items})
            totals["masked"] += intake.masked
            totals += Counter(intake.counts)
    if totals["items"]:  # after the commits: a worker that is woken earlier would find nothing
        WakeUp(connect(endpoints.redis_url)).push(store)
    _show(totals, refused, as_json=as_json)
    return FAILED if refused else DONE


def _opened(path: Path) -> IO[str]:
    try:
        return path.open(encoding="utf-8-sig", newline="")  # spreadsheets begin a file with a byte order mark
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None


def _records(path: Path, file: IO[str]) -> Iterator[Any]:
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
    # An empty cell is a field that was left out, not an empty text.
    filled = {name: value for name, value in row.items() if name and value not in (None, "")}
    lists = {name: value.split("|") for name, value in filled.items() if name in LISTS}
    pairs = {name: _pairs(value) for name, value in filled.items() if name in PAIRS}
    return {**filled, **lists, **pairs}


def _pairs(value: str) -> dict[str, str]:
    parts = [pair.partition("=") for pair in value.split("|")]
    return {name: option for name, _, option in parts}


def _refusals(intake: Intake, offset: int) -> list[dict[str, Any]]:
    return [
        {"record": offset + refusal.index + 1, "field": problem.field, "reason": problem.reason}
        for refusal in intake.refused
        for problem in refusal.problems
    ]


def _show(totals: Counter[str], refused: list[dict[str, Any]], *, as_json: bool) -> None:
    names = ("received", "inserted", "updated", "unchanged", "stale", "refused", "masked", "items")
    if as_json:
        write_json({**{name: totals[name] for name in names}, "errors": refused})
        return
    made = table(*names[:-1], "changes to send")
    made.add_row(*(f"{totals[name]:,}" for name in names))
    screen = console()
    screen.print(made)
    for one in refused[:REFUSALS_SHOWN]:
        screen.print(f"record {one['record']}: {one['field']} {one['reason']}")
    if len(refused) > REFUSALS_SHOWN:
        screen.print(f"… and {len(refused) - REFUSALS_SHOWN} more; --json lists all")


@erp.command("discontinue", needs_key=False, changes="erp.discontinue", example="erp discontinue PRODUCT --store STORE")
@click.argument("product_ids", type=click.UUID, metavar="PRODUCT...", nargs=-1, required=True)
@store_option
@json_option
def discontinue(settings: Settings, product_ids: tuple[UUID, ...], store: UUID, as_json: bool) -> int:
    """Take products off sale that the ERP no longer has.

    An import that has them brings them back.
    """
    endpoints = resolve(settings)
    with connected(endpoints.database_url) as conn, tenant(conn, store):
        if get_store(conn, store) is None:
            raise NotFound(f"there is no store {store}")
        items = discontinue_products(conn, store, product_ids, Origin({"source": "command"}))
    if not items:
        raise NotFound("the ERP has sent none of these products")
    WakeUp(connect(endpoints.redis_url)).push(store)
    tell({"items": len(items)}, f"{len(items):,} products are discontinued", as_json=as_json)
    return DONE


@erp.command("template", needs_key=False, changes=None, example="erp template --categories")
@click.option("--categories", is_flag=True, help="The columns of categories.")
@json_option
def template(_settings: Settings, categories: bool, as_json: bool) -> int:
    """Print a CSV file for `erp import`: every column, and a record."""
    schema = ErpCategorySchema if categories else ErpProductSchema
    record = ERP_RECORDS["categories" if categories else "products"]
    if as_json:
        write_json({"columns": list(schema().fields), "record": record})
        return DONE
    rows = csv.DictWriter(sys.stdout, list(schema().fields), lineterminator="\n")
    rows.writeheader()
    rows.writerow({name: _to_csv(value) for name, value in record.items()})
    return DONE


def _to_csv(value: Any) -> Any:
    if isinstance(value, dict):
        return "|".join(f"{name}={option}" for name, option in value.items())
    return "|".join(value) if isinstance(value, list) else value


@erp.command("event-secret", needs_key=False, changes="event_secret.show")
@store_argument
@json_option
def event_secret(settings: Settings, store_id: UUID, as_json: bool) -> int:
    """Print the secret that a store's ERP signs its events with."""
    if settings.erp_event_key is None:
        raise CommandError("ERP_EVENT_KEY must be set: the secrets of stores are derived from it")
    secret = store_secret(settings.erp_event_key, store_id)
    tell({"eventSecret": secret}, secret, as_json=as_json)
    return DONE

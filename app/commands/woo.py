"""`woo`: the outbound side of a store from the command line: figures, syncs, another try, mappings, brakes."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from app.commands.terminal.lookups import the_store
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.stack.errors import NotFound
from app.usecases.outbound_answers import batch_answer, mapping_answer, stats_answer
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, get_open_hold, list_batches
from db.outbound.brakes import set_brakes
from db.outbound.erp_products import count_erp_products
from db.outbound.item_views import count_breaches, count_items
from db.outbound.mappings import count_mappings, list_drift, list_mappings
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.listener import refused_counts
from workers.outbound.planning.priorities import SYNC_TYPES
from workers.outbound.runs import approve, reject, retry_failed, start_categories, start_full, start_one

LISTED = 50
RUNS_LISTED = 5
HIGHEST_LIMIT = 1_000_000
ITEM_STATUSES = ("pending", "syncing", "completed", "failed", "needs_approval", "superseded")


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    actions = commands.add_parser("woo", help="what goes to a WooCommerce shop").add_subparsers(
        metavar="action", required=True
    )
    status = actions.add_parser("status", help="what waits, what failed, which deadlines were missed")
    sync = actions.add_parser("sync", help="send what the shop has not got: all products, one, or the categories")
    sync.add_argument("--product", type=UUID, help="this product of the ERP alone")
    sync.add_argument("--type", choices=("product", "stock", "price"), default="product")
    sync.add_argument("--categories", action="store_true")
    sync.add_argument("--force", action="store_true", help="also what did not change")
    retry = actions.add_parser("retry", help="try failed items again")
    mappings = actions.add_parser("mappings", help=f"the first {LISTED} mappings")
    mappings.add_argument("--out-of-sync", action="store_true", help="what the shop has not got as the ERP has it")
    approving = actions.add_parser("approve", help="let go what brakes hold")
    approving.add_argument("batch_id", type=UUID)
    rejecting = actions.add_parser("reject", help="give up what brakes hold; the shop keeps what it has")
    rejecting.add_argument("batch_id", type=UUID)
    braking = actions.add_parser("brakes", help="set a store's brakes, or turn them off")
    braking.add_argument("--off", action="store_true")
    for name in ("price-share", "price-factor", "zero-share", "least"):
        braking.add_argument(f"--{name}", type=_limit)
    runs = (run_status, run_sync, run_retry, run_mappings, run_approve, run_reject, run_brakes)
    for parser, run in zip((status, sync, retry, mappings, approving, rejecting, braking), runs, strict=True):
        parser.add_argument("--store", type=UUID, required=True)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)


def _limit(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= HIGHEST_LIMIT:  # not a number is not, either
        raise ArgumentTypeError(f"a number from 0 to {HIGHEST_LIMIT:,}")
    return value


@contextmanager
def _inside(store_id: UUID, database_url: str) -> Iterator[Connection]:
    """A transaction within the store's wall. Raises NotFound for a store that there is not."""
    with connected(database_url) as conn:
        the_store(conn, store_id)
        with tenant(conn, store_id):
            yield conn


def run_status(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with _inside(args.store, endpoints.database_url) as conn:
        counted = stats_answer(
            count_items(conn, args.store),
            count_breaches(conn, args.store),
            count_mappings(conn, args.store),
            count_erp_products(conn, args.store),
        )
        stats = msgspec.to_builtins(counted)
        batches = [batch_answer(batch, []) for batch in list_batches(conn, args.store, RUNS_LISTED)]
        hold_id = get_open_hold(conn, args.store)
        hold = get_batch(conn, args.store, hold_id) if hold_id else None
    refused = _refused_events(endpoints.redis_url)
    if args.json:
        held = batch_answer(hold, []) if hold else None
        return _tell({**stats, "batches": batches, "hold": held, "refusedEvents": refused}, "", as_json=True)
    table = Table("type", *ITEM_STATUSES)
    for sync_type in SYNC_TYPES:
        counts = stats["byType"].get(sync_type, {})
        table.add_row(sync_type, *(f"{counts.get(status, 0):,}" for status in ITEM_STATUSES))
    console = Console()
    console.print(table)
    console.print(f"{stats['products']:,} products, {stats['outOfSyncProducts']:,} of them not in the shop as they are")
    console.print(f"{stats['queueDepth']:,} items wait, {stats['overdue']:,} of them past their deadline")
    if hold:
        console.print(
            f"held: {hold.total_items:,} items; approve or reject with: woo approve|reject {hold.id}", markup=False
        )
    return 0


def _refused_events(redis_url: str) -> dict[str, int] | None:
    """Events of all stores that could not be read, by reason; None while Redis is away."""
    try:
        with connect(redis_url) as redis:
            return refused_counts(redis)
    except RedisError:
        return None


def run_sync(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with _inside(args.store, endpoints.database_url) as conn:
        if args.product:
            item_id = start_one(conn, args.store, args.product, args.type, "command")
            if item_id is None:
                raise NotFound(f"the ERP has not told us of a product {args.product}")
            data, words = {"syncItemId": str(item_id)}, "one product is on its way"
        else:
            start = start_categories if args.categories else start_full
            run = start(conn, args.store, "command", force=args.force)
            data, words = (
                {"batchId": str(run.batch_id), "items": str(run.items)},
                f"{run.items:,} items are on their way",
            )
    WakeUp(connect(endpoints.redis_url)).push(args.store)
    return _tell(data, words, as_json=args.json)


def run_retry(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with _inside(args.store, endpoints.database_url) as conn:
        retried = retry_failed(conn, args.store, everything=True)
    WakeUp(connect(endpoints.redis_url)).push(args.store)
    return _tell({"retryCount": retried}, f"{retried:,} items are tried again", as_json=args.json)


def run_mappings(args: Namespace, settings: Settings) -> int:
    read = list_drift if args.out_of_sync else list_mappings
    with _inside(args.store, resolve(settings).database_url) as conn:
        found = msgspec.to_builtins([mapping_answer(one) for one in read(conn, args.store, None, LISTED)])
    if args.json:
        return _tell(found, "", as_json=True)
    table = Table("product", "sku", "WooCommerce", "status", "in sync", "last synced")
    for one in found:
        wc_id = str(one["wooCommerceProductId"] or "–")
        in_sync = "yes" if one["inSync"] else "no"
        product = one["internalProductId"]
        table.add_row(product, one["sku"], wc_id, one["syncStatus"], in_sync, one["lastSynced"] or "never")
    Console().print(table)
    return 0


def run_approve(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with _inside(args.store, endpoints.database_url) as conn:
        approved = approve(conn, args.store, args.batch_id)
    if approved is None:
        raise NotFound(f"nothing is held under {args.batch_id}")
    WakeUp(connect(endpoints.redis_url)).push(args.store)
    return _tell({"approvedItems": approved}, f"{approved:,} items go on", as_json=args.json)


def run_reject(args: Namespace, settings: Settings) -> int:
    with _inside(args.store, resolve(settings).database_url) as conn:
        rejected = reject(conn, args.store, args.batch_id)
    if rejected is None:
        raise NotFound(f"nothing is held under {args.batch_id}")
    return _tell({"rejectedItems": rejected}, f"{rejected:,} items are given up", as_json=args.json)


def run_brakes(args: Namespace, settings: Settings) -> int:
    given = {name: getattr(args, name) for name in ("price_share", "price_factor", "zero_share", "least")}
    brakes: dict[str, Any] = {"enabled": not args.off} | {k: v for k, v in given.items() if v is not None}
    with _inside(args.store, resolve(settings).database_url) as conn:
        if not set_brakes(conn, args.store, brakes):
            raise NotFound(f"there is no store {args.store}")
    return _tell(brakes, "brakes are off" if args.off else "brakes are set", as_json=args.json)


def _tell(data: Any, words: str, *, as_json: bool) -> int:
    sys.stdout.write((json.dumps(msgspec.to_builtins(data)) if as_json else words) + "\n")
    return 0

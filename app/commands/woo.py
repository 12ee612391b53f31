"""`woo`: what goes to a WooCommerce shop: figures, syncs, retries, mappings, holds and brakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import click
import msgspec
from psycopg import Connection
from redis.exceptions import RedisError
from rich.console import Console
from rich.markup import escape

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.lookups import the_store
from app.commands.terminal.options import Number, json_option, store_option
from app.commands.terminal.output import Column, console, table, tell, write_json
from app.commands.terminal.program import program
from app.settings.environment import Settings
from app.stack.command_errors import NotFound
from app.stack.endpoints import resolve
from app.usecases.outbound_answers import batch_answer, drift_answer, mapping_answer, stats_answer
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, get_open_hold, list_batches
from db.outbound.brakes import set_brakes
from db.outbound.drift import get_check, get_drift_settings, page_findings, request_check, set_drift_settings
from db.outbound.erp_products import count_erp_products
from db.outbound.item_views import count_breaches, count_items
from db.outbound.mappings import count_mappings, list_mappings, list_out_of_sync
from db.outbound.policies import set_policy
from db.outbound.push_leases import set_calls_limit
from schemas.records.erp import DISCONTINUED_POLICIES, TRASHED_POLICIES
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.listener import refused_counts
from workers.outbound.planning.drift import POLICIES, read_drift_settings
from workers.outbound.planning.pacing import MOST_CALLS_AT_ONCE
from workers.outbound.planning.priorities import SYNC_TYPES
from workers.outbound.runs import approve as approve_hold
from workers.outbound.runs import reject as reject_hold
from workers.outbound.runs import retry_failed, start_categories, start_full, start_one

LISTED = 50
RUNS_LISTED = 5
EXAMPLES_SHOWN = 3
LIMIT = Number(0, 1_000_000)
ITEM_STATUSES = ("pending", "syncing", "completed", "failed", "needs_approval", "superseded")

batch_argument = click.argument("batch_id", type=click.UUID, metavar="BATCH")


@click.group("woo", cls=Group)
def woo() -> None:
    """Manage what goes to a WooCommerce shop: status, sync, holds."""


@contextmanager
def _inside(store_id: UUID, database_url: str) -> Iterator[Connection]:
    with connected(database_url) as conn:
        the_store(conn, store_id)  # an unknown store is NotFound, not an empty answer
        with tenant(conn, store_id):
            yield conn


@woo.command("status", changes=None)
@store_option
@json_option
def status(settings: Settings, store: UUID, as_json: bool) -> int:
    """Show what waits, what failed, and which deadlines were missed."""
    endpoints = resolve(settings)
    with _inside(store, endpoints.database_url) as conn:
        counted = stats_answer(
            count_items(conn, store),
            count_breaches(conn, store),
            count_mappings(conn, store),
            count_erp_products(conn, store),
        )
        stats = msgspec.to_builtins(counted)
        batches = [batch_answer(batch, []) for batch in list_batches(conn, store, RUNS_LISTED)]
        hold_id = get_open_hold(conn, store)
        hold = get_batch(conn, store, hold_id) if hold_id else None
    if as_json:
        held = batch_answer(hold, []) if hold else None
        write_json({**stats, "batches": batches, "hold": held, "refusedEvents": _refused_events(endpoints.redis_url)})
        return DONE
    made = table("type", *(Column(name, spare) for name, spare in zip(ITEM_STATUSES, (0, 1, 2, 0, 0, 3), strict=True)))
    for sync_type in SYNC_TYPES:
        counts = stats["byType"].get(sync_type, {})
        made.add_row(sync_type, *(f"{counts.get(status, 0):,}" for status in ITEM_STATUSES))
    screen = console()
    screen.print(made)
    screen.print(f"{stats['products']:,} products, {stats['outOfSyncProducts']:,} of them differ from the shop")
    screen.print(f"{stats['queueDepth']:,} items wait, {stats['overdue']:,} of them past their deadline")
    if hold:
        screen.print(
            f"held: {hold.total_items:,} items. Let them go, or drop them:\n"
            f"  {program()} woo approve {hold.id} --store {store}\n"
            f"  {program()} woo reject {hold.id} --store {store}",
            markup=False,
            soft_wrap=True,
        )
        _show_preview(screen, hold.preview or {})
    return DONE


def _show_preview(screen: Console, preview: dict[str, Any]) -> None:
    """Why it is held, in how many products each field differs, and both values of the first of them."""
    screen.print(f"why: {', '.join(preview.get('reasons', ()))}", markup=False)
    for field in preview.get("fields", ()):
        screen.print(f"{field['field']}: {field['products']:,} products differ", markup=False)
        for one in field["examples"][:EXAMPLES_SHOWN]:
            screen.print(f"  {one['sku']}: {one['shop']!r} in the shop, {one['erp']!r} in the ERP", markup=False)


def _refused_events(redis_url: str) -> dict[str, int] | None:
    """Of all stores, by reason; None while Redis is away."""
    try:
        with connect(redis_url) as redis:
            return refused_counts(redis)
    except RedisError:
        return None


@woo.command("sync", changes="outbound.sync", example="woo sync --store STORE --product PRODUCT --type price")
@store_option
@click.option("--product", type=click.UUID, metavar="PRODUCT", help="Only this product of the ERP.")
@click.option("--type", type=click.Choice(("product", "stock", "price")), default="product", show_default=True)
@click.option("--categories", is_flag=True, help="The categories, not the products.")
@click.option("--force", is_flag=True, help="Also what does not differ in the shop.")
@json_option
def sync(
    settings: Settings, store: UUID, product: UUID | None, type: str, categories: bool, force: bool, as_json: bool
) -> int:
    """Send what differs in the shop: all products, one, or categories."""
    endpoints = resolve(settings)
    with _inside(store, endpoints.database_url) as conn:
        if product:
            item_id = start_one(conn, store, product, type, "command", force=force)
            if item_id is None:
                raise NotFound(f"the ERP has sent no product {product}")
            data, words = {"syncItemId": str(item_id)}, "one product is on its way"
        else:
            start = start_categories if categories else start_full
            run = start(conn, store, "command", force=force)
            data = {"batchId": str(run.batch_id), "items": str(run.items)}
            words = f"{run.items:,} items are on their way"
    WakeUp(connect(endpoints.redis_url)).push(store)
    tell(data, words, as_json=as_json)
    return DONE


@woo.command("retry", changes="outbound.retry")
@store_option
@json_option
def retry(settings: Settings, store: UUID, as_json: bool) -> int:
    """Retry failed items."""
    endpoints = resolve(settings)
    with _inside(store, endpoints.database_url) as conn:
        retried = retry_failed(conn, store, everything=True)
    WakeUp(connect(endpoints.redis_url)).push(store)
    tell({"retryCount": retried}, f"{retried:,} items are retried", as_json=as_json)
    return DONE


@woo.command("mappings", changes=None)
@store_option
@click.option("--out-of-sync", is_flag=True, help="Only products that differ from the shop.")
@json_option
def mappings(settings: Settings, store: UUID, out_of_sync: bool, as_json: bool) -> int:
    """List the first 50 mappings."""
    read = list_out_of_sync if out_of_sync else list_mappings
    with _inside(store, resolve(settings).database_url) as conn:
        found = msgspec.to_builtins([mapping_answer(mapping) for mapping in read(conn, store, None, LISTED)])
    if as_json:
        write_json(found)
        return DONE
    made = table("product", "sku", Column("WooCommerce", 2), "status", "in sync", Column("last synced", 1))
    for one in found:
        wc_id = str(one["wooCommerceProductId"] or "–")
        in_sync = "yes" if one["inSync"] else "no"
        product = one["internalProductId"]
        made.add_row(product, one["sku"], wc_id, one["syncStatus"], in_sync, one["lastSynced"] or "never")
    console().print(made)
    return DONE


@woo.command("approve", changes="hold.approve")
@batch_argument
@store_option
@json_option
def approve(settings: Settings, batch_id: UUID, store: UUID, as_json: bool) -> int:
    """Release what a brake holds."""
    endpoints = resolve(settings)
    with _inside(store, endpoints.database_url) as conn:
        approved = approve_hold(conn, store, batch_id)
    if approved is None:
        raise NotFound(f"nothing is held under {batch_id}")
    WakeUp(connect(endpoints.redis_url)).push(store)
    tell({"approvedItems": approved}, f"{approved:,} items go on", as_json=as_json)
    return DONE


@woo.command("reject", changes="hold.reject")
@batch_argument
@store_option
@json_option
def reject(settings: Settings, batch_id: UUID, store: UUID, as_json: bool) -> int:
    """Drop what a brake holds; the shop stays as it is."""
    with _inside(store, resolve(settings).database_url) as conn:
        rejected = reject_hold(conn, store, batch_id)
    if rejected is None:
        raise NotFound(f"nothing is held under {batch_id}")
    tell({"rejectedItems": rejected}, f"{rejected:,} items are dropped", as_json=as_json)
    return DONE


@woo.command("pace", changes="pace.set", example="woo pace --store STORE --calls 2")
@store_option
@click.option(
    "--calls",
    type=click.IntRange(1, MOST_CALLS_AT_ONCE),
    required=True,
    metavar="N",
    help="Most writing calls to the shop at once; as many that only read go beside them.",
)
@json_option
def pace(settings: Settings, store: UUID, calls: int, as_json: bool) -> int:
    """Limit the calls that a shop gets at once.

    It gets fewer while it answers slowly.
    """
    with _inside(store, resolve(settings).database_url) as conn:
        if not set_calls_limit(conn, store, calls):
            raise NotFound(f"there is no store {store}")
    tell({"callsAtOnce": calls}, f"the shop gets at most {calls} writing calls at once", as_json=as_json)
    return DONE


@woo.command("brakes", changes="brakes.set", example="woo brakes --store STORE --price-share 0.3")
@store_option
@click.option("--off", is_flag=True, help="Turn the brakes off.")
@click.option(
    "--price-share", type=LIMIT, metavar="N", help="Hold if more than this share of the products gets a new price."
)
@click.option("--price-factor", type=LIMIT, metavar="N", help="Hold a price that changes by more than this factor.")
@click.option(
    "--zero-share", type=LIMIT, metavar="N", help="Hold if more than this share of the products runs out of stock."
)
@click.option(
    "--text-share",
    type=LIMIT,
    metavar="N",
    help="Hold if more than this share of the products, which the shop had before, gets other texts, categories or images.",
)
@click.option(
    "--discontinued-share",
    type=LIMIT,
    metavar="N",
    help="Hold if more than this share of the products is discontinued within an hour.",
)
@click.option("--least", type=LIMIT, metavar="N", help="Shares apply from N products on.")
@json_option
def brakes(settings: Settings, store: UUID, off: bool, as_json: bool, **limits: float | None) -> int:
    """Set a store's brakes, or turn them off."""
    wanted: dict[str, Any] = {"enabled": not off} | {k: v for k, v in limits.items() if v is not None}
    with _inside(store, resolve(settings).database_url) as conn:
        if not set_brakes(conn, store, wanted):
            raise NotFound(f"there is no store {store}")
    tell(wanted, "brakes are off" if off else "brakes are set", as_json=as_json)
    return DONE


@woo.command("drift", changes=None)
@store_option
@json_option
def drift(settings: Settings, store: UUID, as_json: bool) -> int:
    """List the first 50 products that differ in the shop."""
    with _inside(store, resolve(settings).database_url) as conn:
        policies = read_drift_settings(get_drift_settings(conn, store))
        found = drift_answer(page_findings(conn, store, None, LISTED), None, get_check(conn, store), policies)
    told = msgspec.to_builtins(found)
    if as_json:
        write_json(told)
        return DONE
    made = table("product", "sku", "field", "shop", "ERP", Column("since", 2), Column("policy", 1))
    for one in told["products"]:
        for field in one["differences"]:
            values = (str(field["wooCommerce"]), str(field["erp"]), field["since"], field["policy"])
            made.add_row(one["productId"], one["sku"], field["field"], *map(escape, values))
    screen = console()
    screen.print(made)
    screen.print("a check is due" if told["isDue"] else f"last checked: {told['checkedAt'] or 'never'}", markup=False)
    return DONE


@woo.command("check-drift", changes="drift.check")
@store_option
@click.option("--whole", is_flag=True, help="Compare all products, not only what changed in the shop.")
@json_option
def check_drift(settings: Settings, store: UUID, whole: bool, as_json: bool) -> int:
    """Compare the shop with the ERP now."""
    endpoints = resolve(settings)
    with _inside(store, endpoints.database_url) as conn:
        request_check(conn, store, whole=whole)
    WakeUp(connect(endpoints.redis_url)).push(store)
    tell({"isWhole": whole}, "a check is on its way; see woo drift", as_json=as_json)
    return DONE


@woo.command("drift-policy", changes="drift.set", example="woo drift-policy --store STORE --price hold --every 60")
@store_option
@click.option("--every", type=Number(0, 10_080), metavar="MINUTES", help="Check this often; 0 for never.")
@click.option("--price", type=click.Choice(POLICIES), help="Regular price, sale price and its dates.")
@click.option("--stock", type=click.Choice(POLICIES), help="Stock; shops sell between two statements of the ERP.")
@click.option("--name", type=click.Choice(POLICIES), help="Name and SKU.")
@click.option("--description", type=click.Choice(POLICIES), help="Description.")
@click.option("--categories", type=click.Choice(POLICIES), help="Categories.")
@click.option("--images", type=click.Choice(POLICIES), help="Images.")
@json_option
def drift_policy(settings: Settings, store: UUID, every: float | None, as_json: bool, **policies: str | None) -> int:
    """Set how often a shop is checked, and what is done by field."""
    named: dict[str, Any] = {topic: policy for topic, policy in policies.items() if policy is not None}
    wanted = named | ({} if every is None else {"every_minutes": int(every)})
    with _inside(store, resolve(settings).database_url) as conn:
        set_drift_settings(conn, store, wanted)
        stored = read_drift_settings(get_drift_settings(conn, store))
    now = {"everyMinutes": stored.every_minutes, **stored.policies}
    tell(now, ", ".join(f"{name}: {value}" for name, value in now.items()), as_json=as_json)
    return DONE


@woo.command("discontinued", changes="discontinued.set", example="woo discontinued --store STORE --policy trash")
@store_option
@click.option("--policy", required=True, type=click.Choice(DISCONTINUED_POLICIES), help="Draft is the default.")
@json_option
def discontinued(settings: Settings, store: UUID, policy: str, as_json: bool) -> int:
    """Choose what becomes of discontinued products in the shop."""
    with _inside(store, resolve(settings).database_url) as conn:
        set_policy(conn, store, "discontinued", policy)
    tell({"policy": policy}, f"discontinued products: {policy}", as_json=as_json)
    return DONE


@woo.command("trashed", changes="trashed.set", example="woo trashed --store STORE --policy restore")
@store_option
@click.option("--policy", required=True, type=click.Choice(TRASHED_POLICIES), help="Hold is the default.")
@json_option
def trashed(settings: Settings, store: UUID, policy: str, as_json: bool) -> int:
    """Choose what becomes of products that lie in the shop's trash.

    When the ERP states one of them, `hold` fails the item, `restore` publishes the product, and `recreate` deletes it for good
    and creates it anew.
    """
    with _inside(store, resolve(settings).database_url) as conn:
        set_policy(conn, store, "trashed", policy)
    tell({"policy": policy}, f"products in the trash: {policy}", as_json=as_json)
    return DONE

"""`schedules`: set, list and remove when a store's entities are pulled."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from uuid import UUID

import msgspec
from rich.console import Console
from rich.table import Table

from app.commands.terminal.numbers import whole_number
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.stack.errors import NotFound, StackError
from app.usecases.job_answers import moment
from app.usecases.schedules import make_schedule, schedule_answer
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.pulls.schedules import delete_schedule, list_schedules, put_schedule
from db.stores.stores import get_store
from schemas.platforms.registry import PLATFORMS
from schemas.requests.modes import SCHEDULED_MODES
from schemas.requests.pulls import MOST_MINUTES, MOST_SECONDS
from workers.processes.schedules import Timing, WrongSchedule

ENTITIES = ("orders", "products", "customers")


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    actions = commands.add_parser("schedules", help="when a store is pulled: set, list, remove").add_subparsers(
        metavar="action", required=True
    )
    setting = actions.add_parser("set", help="pull an entity by a cron expression (UTC) or every so many seconds")
    timing = setting.add_mutually_exclusive_group(required=True)
    timing.add_argument("--cron", metavar='"*/15 * * * *"')
    timing.add_argument("--every", type=whole_number(MOST_SECONDS), metavar="SECONDS")
    setting.add_argument("--mode", choices=SCHEDULED_MODES, default="incremental")
    setting.add_argument(
        "--stale-after-mins", type=whole_number(MOST_MINUTES), help="how far back the mode update looks"
    )
    listing = actions.add_parser("list", help="the schedules of a store")
    listing.add_argument("--json", action="store_true")
    removal = actions.add_parser("remove", help="end a schedule; a run in progress goes on")
    for parser, run in ((setting, run_set), (listing, run_list), (removal, run_remove)):
        parser.add_argument("--store", type=UUID, required=True)
        parser.set_defaults(run=run)
    for parser in (setting, removal):
        parser.add_argument("--entity", choices=ENTITIES, default="orders")


def run_set(args: Namespace, settings: Settings) -> int:
    if (args.mode == "update") != (args.stale_after_mins is not None):
        raise StackError("--stale-after-mins goes with --mode update, which needs it")
    try:
        schedule = make_schedule(args.entity, args.mode, args.stale_after_mins, Timing(args.cron, args.every))
    except WrongSchedule as error:
        raise StackError(f"{error}") from None
    with connected(resolve(settings).database_url) as conn, tenant(conn, args.store):
        store = get_store(conn, args.store)
        if store is None or args.entity not in PLATFORMS[store.platform].pulled:
            raise StackError(f"{args.entity} of store {args.store} are not pulled")
        put_schedule(conn, args.store, schedule)
    sys.stdout.write(f"next run at {moment(schedule.next_run_at)}\n")
    return 0


def run_list(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn, tenant(conn, args.store):
        found = msgspec.to_builtins([schedule_answer(schedule) for schedule in list_schedules(conn, args.store)])
    if args.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    table = Table("entity", "mode", "when", "next run", "last run", "last job")
    for row in found:
        when = row["cron"] or f"every {row['everySeconds']} s"
        table.add_row(row["entity"], row["syncMode"], when, row["nextRunAt"], row["lastRunAt"], row["lastJobId"])
    Console().print(table)
    return 0


def run_remove(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn, tenant(conn, args.store):
        if not delete_schedule(conn, args.store, args.entity):
            raise NotFound(f"store {args.store} has no schedule for {args.entity}")
    return 0

"""`schedules`: when a store's entities are pulled."""

from __future__ import annotations

from uuid import UUID

import click
import msgspec

from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option, store_option
from app.commands.terminal.output import Column, console, table, tell, write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases.job_answers import moment
from app.usecases.schedules import make_schedule, schedule_answer
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.pulls.schedules import delete_schedule, list_schedules, put_schedule
from db.stores.stores import get_store
from schemas.platforms.registry import PLATFORMS
from schemas.requests.modes import SCHEDULED_MODES
from schemas.requests.pulls import MOST_MINUTES, MOST_SECONDS
from workers.core.timing import Timing, WrongSchedule

ENTITIES = tuple(dict.fromkeys(entity for platform in PLATFORMS.values() for entity in platform.pulled))

entity_option = click.option("--entity", type=click.Choice(ENTITIES), default="orders", show_default=True)


@click.group("schedules", cls=Group)
def schedules() -> None:
    """Manage when a store is pulled: set, list, remove."""


@schedules.command(
    "set",
    changes="schedule.set",
    exclusive=("cron", "every"),
    example="schedules set --store STORE --entity orders --every 900",
)
@store_option
@entity_option
@click.option("--cron", metavar="EXPRESSION", help='When, as a cron expression in UTC, such as "*/15 * * * *".')
@click.option("--every", type=click.IntRange(1, MOST_SECONDS), metavar="SECONDS", help="How often, in seconds.")
@click.option("--mode", type=click.Choice(SCHEDULED_MODES), default="incremental", show_default=True)
@click.option(
    "--stale-after-mins",
    type=click.IntRange(1, MOST_MINUTES),
    metavar="MINUTES",
    help="How far back the mode update looks.",
)
@json_option
def set_(
    settings: Settings,
    store: UUID,
    entity: str,
    cron: str | None,
    every: int | None,
    mode: str,
    stale_after_mins: int | None,
    as_json: bool,
) -> int:
    """Pull an entity at fixed times or intervals."""
    if (mode == "update") != (stale_after_mins is not None):
        raise CommandError("--stale-after-mins goes with --mode update, which needs it")
    try:
        schedule = make_schedule(entity, mode, stale_after_mins, Timing(cron, every))
    except WrongSchedule as error:
        raise CommandError(f"{error}") from None
    with connected(resolve(settings).database_url) as conn, tenant(conn, store):
        found = get_store(conn, store)
        if found is None or entity not in PLATFORMS[found.platform].pulled:
            raise CommandError(f"{entity} of store {store} are not pulled")
        put_schedule(conn, store, schedule)
    told = {"entity": entity, "nextRunAt": moment(schedule.next_run_at)}
    tell(told, f"next run at {told['nextRunAt']}", as_json=as_json)
    return DONE


@schedules.command("list", changes=None)
@store_option
@json_option
def list_(settings: Settings, store: UUID, as_json: bool) -> int:
    """List the schedules of a store."""
    with connected(resolve(settings).database_url) as conn, tenant(conn, store):
        found = msgspec.to_builtins([schedule_answer(schedule) for schedule in list_schedules(conn, store)])
    if as_json:
        write_json(found)
        return DONE
    made = table("entity", "mode", "when", "next run", Column("last run", 1), Column("last job", 2))
    for row in found:
        when = row["cron"] or f"every {row['everySeconds']} s"
        made.add_row(row["entity"], row["syncMode"], when, row["nextRunAt"], row["lastRunAt"], row["lastJobId"])
    console().print(made)
    return DONE


@schedules.command("remove", changes="schedule.remove")
@store_option
@entity_option
@json_option
def remove(settings: Settings, store: UUID, entity: str, as_json: bool) -> int:
    """Remove a schedule; a run in progress goes on."""
    with connected(resolve(settings).database_url) as conn, tenant(conn, store):
        if not delete_schedule(conn, store, entity):
            raise NotFound(f"store {store} has no schedule for {entity}")
    tell({"entity": entity, "removed": True}, "removed", as_json=as_json)
    return DONE

"""`audit`: who changed what, of one store or of all."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import click
from rich.markup import escape

from app.audit.actions import all_actions
from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option, limit_option
from app.commands.terminal.output import Column, console, table, write_json
from app.commands.terminal.references import StoreReference
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.usecases.audit_answers import event_answer
from app.usecases.job_answers import moment
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.insight.audit_events import AuditFilter, list_events, list_events_of_all
from schemas.base.fields import moment_of

LISTED, MOST_LISTED = 50, 10_000


def _moment(text: str) -> datetime:
    found = moment_of(text)
    if found is None:
        raise click.BadParameter("a date, or a date and time, in ISO 8601 is expected.")
    return found


@click.command("audit", cls=Command, changes=None, example="audit --action store.delete --since 2026-01-01")
@click.option(
    "--store",
    type=StoreReference(only=False),
    metavar="STORE",
    help="Events of this store only; a deleted one by its id.",
)
@click.option("--action", metavar="NAME", help=f"Events of this action only: {', '.join(all_actions())}.")
@click.option("--actor", help="A token's id, a user, or token, session, command, schedule, unknown.")
@click.option("--since", type=_moment, metavar="TIME", help="From this ISO 8601 time on; UTC without a zone.")
@click.option("--until", type=_moment, metavar="TIME", help="Before this ISO 8601 time.")
@limit_option(LISTED, MOST_LISTED)
@json_option
def audit(
    settings: Settings,
    store: UUID | None,
    action: str | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> int:
    """List who changed what, newest first."""
    wanted = AuditFilter(action, actor, since, until)
    with connected(resolve(settings).database_url) as conn:
        if store is None:
            events = list_events_of_all(conn, wanted, limit)
        else:
            with tenant(conn, store):
                events = list_events(conn, store, wanted, limit)
    if as_json:
        write_json([event_answer(event) for event in events])
        return DONE
    made = table(
        "at", Column("store", 3), "action", "result", "actor", Column("address", 4), Column("request", 5),
        Column("details", 2),
    )  # fmt: skip
    for event in events:
        result = f"{event.result} {event.code}" if event.code else event.result
        actor = f"{event.actor_kind} {event.actor}" if event.actor else event.actor_kind
        details = " ".join(f"{name}={value}" for name, value in event.details.items())
        texts = (str(event.store_id or "–"), event.action, result, actor, event.address or "–", event.request_id or "–")
        made.add_row(moment(event.happened_at), *(escape(text) for text in (*texts, details)))
    console().print(made)
    return DONE

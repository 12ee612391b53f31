"""`audit`: who changed what, from the command line: of one store, or of all."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from datetime import datetime
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from app.audit.actions import all_actions
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.numbers import whole_number
from app.commands.terminal.output import console, table, write_json
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.usecases.audit_answers import event_answer
from app.usecases.job_answers import moment
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEventView, AuditFilter, list_events, list_events_of_all
from schemas.base.fields import moment_of

LISTED, MOST_LISTED = 50, 10_000


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    about = "who changed what: the newest events of one store, or of all"
    parser = commands.add_parser("audit", help=about, description=about, epilog=EXIT_CODES)
    parser.add_argument("--store", type=UUID, help="this store alone, deleted ones too")
    parser.add_argument("--action", metavar="NAME", help="one action: " + ", ".join(all_actions()))
    parser.add_argument("--actor", help="a token's id, a user, or token, session, command, schedule, unknown")
    parser.add_argument("--since", type=_moment, metavar="TIME", help="ISO 8601; without a zone it is UTC")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="the same, excluded")
    parser.add_argument(
        "--limit", type=whole_number(MOST_LISTED), default=LISTED, help=f"default {LISTED}, at most {MOST_LISTED}"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def _moment(text: str) -> datetime:
    found = moment_of(text)
    if found is None:
        raise ArgumentTypeError("a date, or a date and time, in ISO 8601")
    return found


def run(args: Namespace, settings: Settings) -> int:
    wanted = AuditFilter(args.action, args.actor, args.since, args.until)
    with connected(resolve(settings).database_url) as conn:
        if args.store is None:
            events = list_events_of_all(conn, wanted, args.limit)
        else:
            with tenant(conn, args.store):
                events = list_events(conn, args.store, wanted, args.limit)
    if args.json:
        write_json([event_answer(event) for event in events])
    else:
        console().print(_listed(events))
    return DONE


def _listed(events: list[AuditEventView]) -> Table:
    made = table("at", "store", "action", "result", "actor", "address", "request", "details")
    for event in events:
        result = f"{event.result} {event.code}" if event.code else event.result
        actor = f"{event.actor_kind} {event.actor}" if event.actor else event.actor_kind
        details = " ".join(f"{name}={value}" for name, value in event.details.items())
        texts = (str(event.store_id or "–"), event.action, result, actor, event.address or "–", event.request_id or "–")
        made.add_row(moment(event.happened_at), *(escape(text) for text in (*texts, details)))
    return made

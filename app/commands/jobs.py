"""`jobs`: list, show, watch and retry logs from the command line, and say why records were skipped."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import Connection
from rich.table import Table

from app.audit.notes import note
from app.commands.terminal.exits import DONE, EXIT_CODES
from app.commands.terminal.lookups import answers_of, find_log, the_store
from app.commands.terminal.numbers import whole_number
from app.commands.terminal.output import console, table, write_json
from app.commands.terminal.watching import POLL_SECONDS, run_watch
from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.stack.errors import StackError
from app.usecases.job_answers import moment, record_error_answer, unlisted_answer
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.pulls.runs import retry_pull
from db.sync.logs import LogFilter, LogView, list_logs, retry_log
from db.sync.record_errors import FROM_THE_START, RecordError, get_unlisted_errors, list_record_errors
from schemas.plugin.entities import ENTITIES
from schemas.requests.lists import ALL_MODES, SOURCES, STATUSES
from workers.core.queues import WakeUp, connect

LISTED = 50
MOST_LISTED = 1000
ERRORS_SHOWN = 50
ERRORS_AT_ONCE = 1000

Run = Callable[[Namespace, Settings], int]


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("jobs", help="list, show, watch, retry, errors", epilog=EXIT_CODES)
    actions = parser.add_subparsers(metavar="action", required=True)
    listing = _action(actions, "list", run_list, "the newest jobs of a store")
    listing.add_argument("--store", type=UUID, help="needed where there are several")
    for name, choices in (("entity", tuple(ENTITIES)), ("status", STATUSES), ("source", SOURCES), ("mode", ALL_MODES)):
        listing.add_argument(f"--{name}", choices=choices)
    listing.add_argument(
        "--limit", type=whole_number(MOST_LISTED), default=LISTED, help=f"default {LISTED}, at most {MOST_LISTED}"
    )
    _on_log(actions, "show", run_show, f"one job with its first {ERRORS_SHOWN} skipped records")
    watch = _on_log(actions, "watch", run_watch, "a job's progress until it ends; 0 if it completed, 1 if it did not")
    watch.add_argument("--interval", type=_seconds, default=POLL_SECONDS, help=f"seconds, default {POLL_SECONDS:g}")
    watch.add_argument("--timeout", type=_seconds, help="give up watching after so many seconds, with exit code 1")
    _on_log(actions, "retry", run_retry, "run a failed job again")
    errors = _on_log(actions, "errors", run_errors, "which records were skipped, and why")
    errors.add_argument(
        "--limit",
        type=whole_number(MOST_LISTED),
        default=ERRORS_SHOWN,
        help=f"rows shown; --json has all ({ERRORS_SHOWN})",
    )


def _action(actions: _SubParsersAction[ArgumentParser], name: str, run: Run, about: str) -> ArgumentParser:
    parser = actions.add_parser(name, help=about, description=about, epilog=EXIT_CODES)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)
    return parser


def _on_log(actions: _SubParsersAction[ArgumentParser], name: str, run: Run, about: str) -> ArgumentParser:
    parser = _action(actions, name, run, about)
    parser.add_argument("log_id", type=UUID, metavar="job")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:  # not a number is not, either
        raise ArgumentTypeError("seconds, more than 0 and at most 86400")
    return value


def run_list(args: Namespace, settings: Settings) -> int:
    wanted = LogFilter(entity=args.entity, status=args.status, source=args.source, mode=args.mode)
    with connected(resolve(settings).database_url) as conn:
        store_id = the_store(conn, args.store)
        with tenant(conn, store_id):
            logs = list_logs(conn, store_id, wanted, args.limit)
            answers = answers_of(conn, store_id, logs)
    if args.json:
        write_json(answers)
    else:
        console().print(_listed(logs))
    return DONE


def _listed(logs: list[LogView]) -> Table:
    made = table(
        "job", "entity", "source", "mode", "status", "received", "synced", "skipped", "tries", "accepted", "took"
    )
    for log in logs:
        figures = (log.received, log.records_synced, log.records_skipped, log.attempts)
        kind = (log.entity, log.source, log.mode, log.status)
        made.add_row(str(log.id), *kind, *(f"{n:,}" for n in figures), moment(log.accepted_at), _took(log))
    return made


def _took(log: LogView) -> str:
    if log.started_at is None or log.finished_at is None:
        return "–"
    return f"{(log.finished_at - log.started_at).total_seconds():.2f} s"


def run_show(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        store_id, log = find_log(conn, args.log_id)
        with tenant(conn, store_id):
            [answer] = answers_of(conn, store_id, [log])
            errors = list_record_errors(conn, store_id, log.id, FROM_THE_START, ERRORS_SHOWN)
            unlisted = get_unlisted_errors(conn, store_id, log.id)
    listed = [record_error_answer(error) for error in errors]
    shown = {"storeId": str(store_id), **answer, "errors": listed, "errorsNotListed": unlisted}
    if args.json:
        write_json(shown)
        return DONE
    screen = console()
    screen.print(_facts(shown))
    if errors:
        screen.print(_skipped(errors))
    return DONE


def _facts(answer: dict[str, Any]) -> Table:
    """Name and value of each fact; what is nested a line each."""
    made = table("fact", "value")
    for name, value in answer.items():
        if isinstance(value, dict):
            for inner, part in value.items():
                made.add_row(f"{name}.{inner}", _plain(part))
        elif name != "errors":
            made.add_row(name, _plain(value))
    return made


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def run_errors(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        store_id, log = find_log(conn, args.log_id)
        errors = _all_errors(conn, store_id, log.id) if args.json else _page(conn, store_id, log.id, args.limit + 1)
        with tenant(conn, store_id):
            unlisted = get_unlisted_errors(conn, store_id, log.id)
    if args.json:
        more = [unlisted_answer(unlisted)] if unlisted else []
        write_json([*map(record_error_answer, errors), *more])
        return DONE
    screen = console()
    screen.print(_skipped(errors[: args.limit]) if errors else "no record was skipped")
    if len(errors) > args.limit:
        screen.print(f"… and more: --limit shows up to {MOST_LISTED}, --json all")
    if unlisted:
        screen.print(unlisted_answer(unlisted).reason)
    return DONE


def _page(conn: Connection, store_id: UUID, log_id: UUID, most: int) -> list[RecordError]:
    with tenant(conn, store_id):
        return list_record_errors(conn, store_id, log_id, FROM_THE_START, most)


def _all_errors(conn: Connection, store_id: UUID, log_id: UUID) -> list[RecordError]:
    found: list[RecordError] = []
    after = FROM_THE_START
    with tenant(conn, store_id):
        while page := list_record_errors(conn, store_id, log_id, after, ERRORS_AT_ONCE):
            found += page
            after = (page[-1].record_index, page[-1].field)
    return found


def _skipped(errors: list[RecordError]) -> Table:
    made = table("record", "id", "field", "code", "reason")
    for error in errors:
        made.add_row(f"{error.record_index:,}", error.external_id or "–", error.field, error.code, error.reason)
    return made


def run_retry(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with connected(endpoints.database_url) as conn:
        store_id, log = find_log(conn, args.log_id)
        note(store_id=store_id)
        with tenant(conn, store_id):
            is_pull = log.source != "plugin"
            ticket = retry_pull(conn, store_id, log.id) if is_pull else retry_log(conn, store_id, log.id)
    if ticket is None:
        kept = "a batch while its payload is kept, a pull while no other has its place"
        raise StackError(f"job {log.id} is {log.status}: only a failed one can be retried, {kept}")
    WakeUp(connect(endpoints.redis_url)).enqueue([ticket])
    if args.json:
        write_json({"syncLogId": str(log.id), "status": "running"})
    else:
        console().print("running again")
    return DONE

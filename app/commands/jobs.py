"""`jobs`: list, show, watch and retry jobs, and say why records were skipped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from psycopg import Connection

from app.audit.notes import note
from app.commands.terminal.declaration import Group
from app.commands.terminal.exits import DONE
from app.commands.terminal.lookups import answers_of, find_log, the_store
from app.commands.terminal.options import Number, job_argument, json_option, limit_option, store_option
from app.commands.terminal.output import Column, Listing, console, table, tell, write_json
from app.commands.terminal.watching import POLL_SECONDS, follow, outcome, screen
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve
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
SECONDS = Number(0, 86_400, min_open=True)


@click.group("jobs", cls=Group)
def jobs() -> None:
    """Manage jobs: list, show, watch, retry, errors."""


@jobs.command("list", changes=None, example="jobs list --status failed --entity orders")
@store_option
@click.option("--entity", type=click.Choice(tuple(ENTITIES)))
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--source", type=click.Choice(SOURCES))
@click.option("--mode", type=click.Choice(ALL_MODES))
@limit_option(LISTED, MOST_LISTED)
@json_option
def list_(
    settings: Settings,
    store: UUID,
    entity: str | None,
    status: str | None,
    source: str | None,
    mode: str | None,
    limit: int,
    as_json: bool,
) -> int:
    """List the newest jobs of a store."""
    wanted = LogFilter(entity=entity, status=status, source=source, mode=mode)
    with connected(resolve(settings).database_url) as conn:
        the_store(conn, store)
        with tenant(conn, store):
            logs = list_logs(conn, store, wanted, limit)
            answers = answers_of(conn, store, logs)
    if as_json:
        write_json(answers)
    else:
        console().print(_listed(logs))
    return DONE


def _listed(logs: list[LogView]) -> Listing:
    made = table(
        "job", "entity", Column("source", 2), Column("mode", 4), "status", Column("received", 3), "synced", "skipped",
        Column("tries", 5), Column("accepted", 1), Column("took", 6),
    )  # fmt: skip
    for log in logs:
        figures = (log.received, log.records_synced, log.records_skipped, log.attempts)
        kind = (log.entity, log.source, log.mode, log.status)
        took = "–"
        if log.started_at is not None and log.finished_at is not None:
            took = f"{(log.finished_at - log.started_at).total_seconds():.2f} s"
        made.add_row(str(log.id), *kind, *(f"{n:,}" for n in figures), moment(log.accepted_at), took)
    return made


@jobs.command("show", changes=None)
@job_argument
@json_option
def show(settings: Settings, log_id: UUID, as_json: bool) -> int:
    """Show a job with its first 50 skipped records."""
    with connected(resolve(settings).database_url) as conn:
        store_id, log = find_log(conn, log_id)
        with tenant(conn, store_id):
            [answer] = answers_of(conn, store_id, [log])
            errors = list_record_errors(conn, store_id, log.id, FROM_THE_START, ERRORS_SHOWN)
            unlisted = get_unlisted_errors(conn, store_id, log.id)
    listed = [record_error_answer(error) for error in errors]
    shown = {"storeId": str(store_id), **answer, "errors": listed, "errorsNotListed": unlisted}
    if as_json:
        write_json(shown)
        return DONE
    screen = console()
    screen.print(_facts(shown))
    if errors:
        screen.print(_skipped(errors))
    return DONE


def _facts(answer: dict[str, Any]) -> Listing:
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


@jobs.command("watch", changes=None, example="jobs watch JOB --timeout 60")
@job_argument
@click.option(
    "--interval", type=SECONDS, default=POLL_SECONDS, show_default=True, metavar="SECONDS", help="How often to look."
)
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="Stop watching after this time, with exit code 1.")
@json_option
def watch(settings: Settings, log_id: UUID, interval: float, timeout: float | None, as_json: bool) -> int:
    """Show a job's progress until it ends.

    The exit code is 0 if the job completed, else 1.
    """
    with connected(resolve(settings).database_url) as conn:
        store_id, _ = find_log(conn, log_id)
        with screen(as_json=as_json) as show:
            last = follow(conn, store_id, log_id, show, interval=interval, timeout=timeout)
    return outcome(last)


@jobs.command("errors", changes=None)
@job_argument
@limit_option(ERRORS_SHOWN, MOST_LISTED)
@json_option
def errors(settings: Settings, log_id: UUID, limit: int, as_json: bool) -> int:
    """List the records that were skipped, and why.

    --json lists all of them.
    """
    with connected(resolve(settings).database_url) as conn:
        store_id, log = find_log(conn, log_id)
        if as_json:
            errors = _all_errors(conn, store_id, log.id)
        else:
            with tenant(conn, store_id):
                # One more than is shown says whether there are more.
                errors = list_record_errors(conn, store_id, log.id, FROM_THE_START, limit + 1)
        with tenant(conn, store_id):
            unlisted = get_unlisted_errors(conn, store_id, log.id)
    if as_json:
        more = [unlisted_answer(unlisted)] if unlisted else []
        write_json([*map(record_error_answer, errors), *more])
        return DONE
    screen = console()
    screen.print(_skipped(errors[:limit]) if errors else "no record was skipped")
    if len(errors) > limit:
        screen.print(f"… and more: --limit shows up to {MOST_LISTED}, --json all")
    if unlisted:
        screen.print(unlisted_answer(unlisted).reason)
    return DONE


def _all_errors(conn: Connection, store_id: UUID, log_id: UUID) -> list[RecordError]:
    found: list[RecordError] = []
    after = FROM_THE_START
    with tenant(conn, store_id):
        while page := list_record_errors(conn, store_id, log_id, after, ERRORS_AT_ONCE):
            found += page
            after = (page[-1].record_index, page[-1].field)
    return found


def _skipped(errors: list[RecordError]) -> Listing:
    made = table("record", "id", "field", Column("code", 1), "reason")
    for error in errors:
        made.add_row(f"{error.record_index:,}", error.external_id or "–", error.field, error.code, error.reason)
    return made


@jobs.command("retry", changes="job.retry")
@job_argument
@json_option
def retry(settings: Settings, log_id: UUID, as_json: bool) -> int:
    """Run a failed job again."""
    endpoints = resolve(settings)
    with connected(endpoints.database_url) as conn:
        store_id, log = find_log(conn, log_id)
        note(store_id=store_id)
        with tenant(conn, store_id):
            is_pull = log.source != "plugin"
            ticket = retry_pull(conn, store_id, log.id) if is_pull else retry_log(conn, store_id, log.id)
    if ticket is None:
        when = "a batch while its payload is kept, a pull while no other pull of the entity runs"
        raise CommandError(f"job {log.id} is {log.status}: only a failed one can be retried, {when}")
    WakeUp(connect(endpoints.redis_url)).enqueue([ticket])
    tell({"syncLogId": str(log.id), "status": "running"}, "running again", as_json=as_json)
    return DONE

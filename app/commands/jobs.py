"""`jobs`: list, show and retry a store's logs from the command line."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from uuid import UUID

from psycopg import Connection
from rich.console import Console
from rich.table import Table

from app.answers import log_answer, moment, record_error_answer
from app.settings import Settings
from app.stack.endpoints import resolve
from app.stack.errors import StackError
from app.tenants import connected
from db.pull_runs import retry_pull
from db.stores import list_store_ids
from db.sync_logs import LogFilter, LogView, get_log, list_logs, retry_log
from db.sync_record_errors import FROM_THE_START, list_record_errors
from db.tenancy import tenant
from workers.queues import WakeUp, connect

LISTED = 50
ERRORS_SHOWN = 50


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    actions = commands.add_parser("jobs", help="list, show, retry").add_subparsers(metavar="action", required=True)
    listing = actions.add_parser("list", help=f"the newest {LISTED} logs of a store")
    listing.add_argument("--store", type=UUID, required=True)
    listing.add_argument("--status", choices=("running", "paused", "completed", "failed", "cancelled"))
    show = actions.add_parser("show", help=f"one log with its first {ERRORS_SHOWN} record errors")
    retry = actions.add_parser("retry", help="run a failed log again")
    for parser in (show, retry):
        parser.add_argument("log_id", type=UUID)
    for parser, run in ((listing, run_list), (show, run_show), (retry, run_retry)):
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)


def run_list(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn, tenant(conn, args.store):
        logs = list_logs(conn, args.store, LogFilter(status=args.status), LISTED)
    if args.json:
        sys.stdout.write(json.dumps([log_answer(log) for log in logs]) + "\n")
        return 0
    table = Table("log", "entity", "status", "received", "synced", "skipped", "attempts", "accepted")
    for log in logs:
        figures = (log.received, log.records_synced, log.records_skipped, log.attempts)
        table.add_row(str(log.id), log.entity, log.status, *(f"{n:,}" for n in figures), moment(log.accepted_at))
    Console().print(table)
    return 0


def run_show(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        store_id, log = _find(conn, args.log_id)
        with tenant(conn, store_id):
            errors = list_record_errors(conn, store_id, log.id, FROM_THE_START, ERRORS_SHOWN)
    answer = {"storeId": str(store_id), **log_answer(log), "errors": [record_error_answer(error) for error in errors]}
    if args.json:
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        Console().print_json(data=answer)
    return 0


def run_retry(args: Namespace, settings: Settings) -> int:
    endpoints = resolve(settings)
    with connected(endpoints.database_url) as conn:
        store_id, log = _find(conn, args.log_id)
        with tenant(conn, store_id):
            is_pull = log.source != "plugin"
            ticket = retry_pull(conn, store_id, log.id) if is_pull else retry_log(conn, store_id, log.id)
    if ticket is None:
        kept = "a batch while its payload is kept, a pull while no other has its place"
        raise StackError(f"log {log.id} is {log.status}: only a failed one can be retried, {kept}")
    WakeUp(connect(endpoints.redis_url)).enqueue([ticket])
    sys.stdout.write(
        (json.dumps({"syncLogId": str(log.id), "status": "running"}) if args.json else "running again") + "\n"
    )
    return 0


def _find(conn: Connection, log_id: UUID) -> tuple[UUID, LogView]:
    """The log and its store; an operator at the terminal may look into every store, one at a time."""
    for store_id in list_store_ids(conn):
        with tenant(conn, store_id):
            log = get_log(conn, store_id, log_id)
        if log is not None:
            return store_id, log
    raise StackError(f"there is no log {log_id}")

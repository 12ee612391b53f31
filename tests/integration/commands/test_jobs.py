"""`jobs` and `stores` on a terminal and in a script: tables, JSON, errors of one line, and exit codes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import Connection

from app.__main__ import main
from app.commands.terminal.exits import AWAY, DONE, FAILED, NOT_FOUND, WRONG_USE
from app.commands.terminal.program import program
from app.commands.terminal.watching import line_of, outcome
from app.usecases.job_answers import job_answer
from tests.conftest import Database, Servers
from tests.support.factories import make_order
from tests.support.paths import ROOT
from tests.support.pipeline import accept_batch, read_log, sync
from tests.support.stack import command
from workers.core.runtime import Runtime
from workers.inbound.process import process

NOBODY = "01a1fd5e-0000-7000-8000-000000000000"  # an id that no store and no job has

FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL', error_message = 'it went wrong',
          finished_at = now() WHERE id = %s"""
Said = tuple[int, str, str]


@pytest.fixture
def shell(
    database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`python -m app …` on this module's database: exit code, standard output, standard error."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("REDIS_URL", servers.redis.url)
    monkeypatch.setenv("SECRET_KEY", "a key for tests that is long enough")

    def run(*words: object) -> Said:
        capsys.readouterr()  # what the pipeline logged in this process
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def answer_of(said: Said) -> Any:
    code, out, err = said
    assert (code, err) == (DONE, "")
    return json.loads(out)


def test_list_shows_jobs_as_table_and_json(
    shell: Callable[..., Said], runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    done = sync(runtime, store_id, "orders", [make_order(), {}]).id
    failed = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute(FAIL, (failed,))
    code, out, err = shell("jobs", "list", "--store", store_id)
    assert (code, err) == (DONE, "")
    assert "\x1b" not in out
    (row,) = [line.split() for line in out.splitlines() if str(done) in line]
    assert row[1:8] == ["orders", "plugin", "upsert", "completed", "2", "1", "1"]
    found = answer_of(shell("jobs", "list", "--store", store_id, "--json"))
    assert [job["jobId"] for job in found] == [str(failed), str(done)]
    only = answer_of(shell("jobs", "list", "--store", store_id, "--status", "failed", "--json"))
    assert [job["jobId"] for job in only] == [str(failed)]


def test_show_includes_skipped_records(shell: Callable[..., Said], runtime: Runtime, store_id: UUID) -> None:
    log = sync(runtime, store_id, "orders", [make_order(), *({"wc_order_id": n} for n in range(1, 4))])
    shown = answer_of(shell("jobs", "show", log.id, "--json"))
    assert (shown["storeId"], shown["counts"]["invalid"], shown["errors"][0]["index"]) == (str(store_id), 3, 1)
    code, out, _ = shell("jobs", "show", log.id)
    assert code == DONE and "counts.invalid" in out and "is missing or empty" in out
    errors = answer_of(shell("jobs", "errors", log.id, "--json"))
    assert {error["id"] for error in errors} == {"1", "2", "3"}
    code, out, _ = shell("jobs", "errors", log.id, "--limit", 1)
    assert code == DONE and "… and more" in out


def test_watch_follows_a_retried_job_to_its_end(
    shell: Callable[..., Said], runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute(FAIL, (log_id,))
    code, out, err = shell("jobs", "watch", log_id)
    assert (code, err) == (FAILED, "")
    assert out == "failed, 0 of 1 records synced, 0 skipped: INTERNAL, it went wrong\n"
    assert answer_of(shell("jobs", "retry", log_id, "--json"))["status"] == "running"
    worker = threading.Timer(0.3, process, (runtime, store_id, log_id))
    worker.start()
    code, out, _ = shell("jobs", "watch", log_id, "--interval", 0.05, "--json")
    worker.join()
    states = [json.loads(line)["status"] for line in out.splitlines() if line.startswith("{")]
    assert (code, states[0], states[-1]) == (DONE, "running", "completed")
    code, out, err = shell("jobs", "retry", log_id)
    assert (code, out) == (FAILED, "")
    assert err.startswith(f"job {log_id} is completed: only a failed one can be retried")


def test_watch_stops_at_its_timeout(shell: Callable[..., Said], runtime: Runtime, store_id: UUID) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    code, out, err = shell("jobs", "watch", log_id, "--timeout", 0.01, "--interval", 0.01)
    assert (code, out) == (FAILED, "running (queued), 0 of 1 records synced, 0 skipped\n")
    assert err == f"job {log_id} is still running after 0.01 s\n"


@pytest.mark.slow
def test_watch_shows_a_bar_on_a_terminal(
    database: Database, servers: Servers, runtime: Runtime, store_id: UUID
) -> None:
    log = sync(runtime, store_id, "orders", [make_order()])
    theirs, ours = pty.openpty()
    urls = {"DATABASE_URL": database.url, "REDIS_URL": servers.redis.url, "SECRET_KEY": "s" * 32, "TERM": "xterm"}
    done = subprocess.run(
        command("jobs", "watch", str(log.id)),
        cwd=ROOT,
        env=os.environ | urls,
        stdout=ours,
        timeout=60,
        check=False,
    )
    os.close(ours)
    shown = os.read(theirs, 65536).decode()
    os.close(theirs)
    assert done.returncode == DONE
    assert "completed" in shown and "1/1" in shown and "\x1b[" in shown


def test_outcome_follows_the_last_status(runtime: Runtime, store_id: UUID) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    answer = msgspec.to_builtins(job_answer(read_log(runtime, store_id, log_id)))
    ends = {status: outcome(answer | {"status": status}) for status in ("completed", "failed", "cancelled")}
    assert ends == {"completed": DONE, "failed": FAILED, "cancelled": FAILED}
    pulled = answer | {"progress": {"total": None}, "syncedCount": 1200, "phase": None}
    assert line_of(pulled) == "running, 1,200 records synced, 0 skipped"


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "show", "7"),
        ("jobs", "list", "--status", "odd"),
        ("jobs", "list", "--limit", "0"),
        ("jobs", "watch", NOBODY, "--interval", "nan"),
        ("jobs",),
        ("stores", "create", "--name", " ", "--platform", "woocommerce"),
        ("stores", "create", "--name", "x", "--platform", "magento"),
        ("stores", "create", "--name", "x", "--platform", "shopify", "--url", "shop.example"),
        ("stores", "create", "--name", "a\x1b[31mb", "--platform", "shopify"),
        ("stores", "rotate-token", NOBODY, "--grace-hours", "inf"),
        *(("woo", "brakes", "--store", NOBODY, "--least", value) for value in ("-1", "nan", "inf")),
        ("schedules", "set", "--store", NOBODY, "--every", "9" * 17),
        ("schedules", "set", "--store", NOBODY, "--every", "60", "--stale-after-mins", "9" * 11),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_wrong_arguments_exit_with_two(shell: Callable[..., Said], words: tuple[str, ...]) -> None:
    code, out, err = shell(*words)
    assert (code, out) == (WRONG_USE, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ") and line.endswith("--help`.")


@pytest.mark.parametrize(
    "words",
    [
        *(("jobs", action, NOBODY) for action in ("show", "watch", "retry", "errors")),
        ("jobs", "list", "--store", NOBODY),
        *(("woo", action, "--store", NOBODY) for action in ("status", "sync", "retry", "mappings", "brakes")),
        ("stores", "revoke-tokens", NOBODY),
        ("stores", "rotate-token", NOBODY),
        ("stores", "delete", NOBODY, "--yes"),
        ("stores", "set-credentials", NOBODY, "--credentials", "{}"),
        ("stores", "set-timezone", NOBODY, "UTC"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_unknown_id_exits_with_three(shell: Callable[..., Said], words: tuple[str, ...]) -> None:
    code, out, err = shell(*words)
    assert (code, out) == (NOT_FOUND, "")
    assert err.startswith("there is no ") and len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [("jobs", "list"), ("stores", "list"), ("jobs", "watch", NOBODY)])
def test_unreachable_database_exits_with_four(
    shell: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u@/d?host={tmp_path}")
    code, out, err = shell(*words)
    assert (code, out, len(err.splitlines())) == (AWAY, "", 1)


def test_database_without_tables_names_migrate(
    shell: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, servers: Servers
) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.postgres.app_url("postgres"))
    assert shell("stores", "list") == (FAILED, "", f"the database is not up to date: run `{program()} migrate`\n")


def test_each_help_lists_the_exit_codes(shell: Callable[..., Said]) -> None:
    for words in ((), ("jobs",), ("jobs", "watch"), ("stores",), ("stores", "delete")):
        code, out, _ = shell(*words, "--help")
        assert code == DONE
        assert "3 no such store or job" in " ".join(out.split())


def test_store_commands_work_from_create_to_revoke(shell: Callable[..., Said], conn: Connection) -> None:
    name = "Bäckerei [bold]Nord[/bold]"
    words = ("--platform", "woocommerce", "--url", "https://shop.example")
    made = answer_of(shell("stores", "create", "--name", name, *words, "--json"))
    store = made["storeId"]
    keys = json.dumps({"consumer_key": "ck", "consumer_secret": "cs"})
    assert answer_of(shell("stores", "set-credentials", store, "--credentials", keys, "--json"))["hasCredentials"]
    (row,) = [row for row in answer_of(shell("stores", "list", "--json")) if row["storeId"] == store]
    assert (row["name"], row["hasCredentials"], row["url"]) == (name, True, "https://shop.example")
    code, out, _ = shell("stores", "list")
    assert code == DONE and name in out
    assert answer_of(shell("stores", "rotate-token", store, "--json"))["token"] != made["token"]
    assert answer_of(shell("stores", "revoke-tokens", store, "--json"))["revoked"] == 2


def test_store_must_be_named_if_there_are_several(
    shell: Callable[..., Said], store_id: UUID, other_store: object
) -> None:
    code, out, err = shell("jobs", "list")
    assert (code, out) == (FAILED, "")
    assert re.fullmatch(r"there are \d+ stores: add --store with a name of `\S+ -m app stores list`\n", err)


@pytest.mark.parametrize("typed", ["", "y\n", "no\n"])
def test_delete_needs_a_typed_yes(
    shell: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, store_id: UUID, root_conn: Connection, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code, out, err = shell("stores", "delete", store_id)
    assert (code, out, err.splitlines()[-1].endswith("nothing was deleted")) == (FAILED, "", True)
    assert root_conn.execute("SELECT count(*) FROM stores WHERE id = %s", (store_id,)).fetchone() == (1,)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert shell("stores", "delete", store_id)[:2] == (DONE, "deleted\n")

"""`make chaos SECONDS=150 SEED=1`: real processes under load and random faults, and an oracle that knows every row.

Exit 0 only if nothing was lost, nothing came twice, no row is wrong, and every batch ended in time.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table

from app.logs import configure_logging
from tests.chaos import pulls
from tests.chaos.check import applied_twice, wrong_rows
from tests.chaos.harm import Done, one_fault
from tests.chaos.truth import Posted, Truth
from tests.fakes.tiktok import FakeTiktok
from tests.stack import Shop, Stack, running_stack
from tests.waiting import wait_until

STORES = 4
PAUSE_SECONDS = (0.1, 0.8)  # of each client between posts: below what two workers that keep dying can take
EVIDENCE = Path("bench-results")
END_SECONDS = 30.0  # promise 3
SLACK_SECONDS = 60.0  # how long the loop waits before it calls a batch lost
MOST_REENQUEUES = 1.5
SLOWEST_ANSWER_SECONDS = 2.0


@dataclass
class Client:
    """A plugin: posts one batch after the other, with the same key again until there is a receipt."""

    shop: Shop
    truth: Truth
    answers: list[tuple[float, float]] = field(default_factory=list)  # (when, seconds) of each 202
    failure: str = ""

    def run(self, stop: threading.Event, pause: random.Random) -> None:
        while not stop.is_set() and not self.failure:
            batch = self.truth.next_batch()
            self._post(batch)
            time.sleep(pause.uniform(*PAUSE_SECONDS))

    def _post(self, batch: Posted) -> None:
        key = uuid4().hex
        while not self.failure:
            began = time.time()
            try:
                answer = self.shop.post(batch.entity, batch.records, Idempotency_Key=key)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code == 202:
                self.answers.append((began, time.time() - began))
                batch.job_id = answer.json()["data"]["jobId"]
                self.truth.accepted.append(batch)
                return
            if answer.status_code not in (429, 503):
                self.failure = f"{answer.status_code} {answer.text}"
            time.sleep(0.2)


@dataclass
class Report:
    """The figures of one run."""

    faults: list[Done]
    accepted: int = 0
    ended: int = 0
    pulls: int = 0
    lost: int = 0
    failed: int = 0
    miscounted: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)
    worst_seconds: float = 0.0
    p99_seconds: float = 0.0
    worst_beside_faults: float = 0.0
    reenqueues: float = 0.0
    slowest_frozen_p99: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        clean = not (self.lost or self.failed or self.miscounted or self.twice or self.wrong or self.failures)
        timely = self.worst_beside_faults <= END_SECONDS and self.slowest_frozen_p99 < SLOWEST_ANSWER_SECONDS
        return clean and timely and self.reenqueues < MOST_REENQUEUES


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    configure_logging("ERROR", "console")
    with running_stack(WORKERS="2", WEB_WORKERS="2", MAX_ATTEMPTS="10", PULL_TURN_SECONDS="5") as stack:
        with FakeTiktok(orders=pulls.COUNT) as fake:
            report = chaos(stack, fake, args.seconds, random.Random(args.seed))
        if not report.is_good:
            keep_evidence(stack, report, args.seed)
    show(report, args.seed, args.seconds)
    return 0 if report.is_good else 1


def keep_evidence(stack: Stack, report: Report, seed: int) -> None:
    """The stack's log, and faults beside the slowest batches on one time line, for whoever looks into it."""
    EVIDENCE.mkdir(exist_ok=True)
    (EVIDENCE / f"chaos-{seed}.log").write_text(stack.log)
    events = [(done.began, f"fault {done.name}, {done.ended - done.began:.1f} s") for done in report.faults]
    slowest = stack.sql(
        "SELECT extract(epoch FROM accepted_at)::float8, id, attempts, enqueues,"
        " extract(epoch FROM finished_at - accepted_at)::float8 FROM sync_logs ORDER BY 5 DESC NULLS FIRST LIMIT 20"
    )
    events += [(row[0], f"batch {row[1]}, attempts {row[2]}, enqueues {row[3]}, took {row[4]} s") for row in slowest]
    lines = (f"{datetime.fromtimestamp(when, UTC).isoformat()} {what}\n" for when, what in sorted(events))
    (EVIDENCE / f"chaos-{seed}.txt").write_text("".join(lines))


def chaos(stack: Stack, fake: FakeTiktok, seconds: float, draw: random.Random) -> Report:
    pulled = pulls.connect(stack, fake)
    clients = [Client(stack.create_store(f"Shop {n}"), Truth(random.Random(draw.random()))) for n in range(STORES)]
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stop, random.Random(n))) for n, client in enumerate(clients)]
    threads += [threading.Thread(target=work, args=(stop, random.Random(9))) for work in (pulled.change, pulled.pull)]
    for thread in threads:
        thread.start()
    faults = _harm(stack, seconds, draw)
    stop.set()
    for thread in threads:
        thread.join(90)
    stack.thaw()
    wait_until(lambda: stack.answers_sql() and stack.up.health() == 200, 60, "the stack to be back")
    wrong_pulls = pulls.judge(pulled)
    report = _judge(stack, clients, faults)
    report.pulls, report.wrong = pulled.runs, report.wrong + wrong_pulls
    return report


def _harm(stack: Stack, seconds: float, draw: random.Random) -> list[Done]:
    faults: list[Done] = []
    end = time.monotonic() + seconds
    with Console(stderr=True).status("") as status:
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.5, 2.5))
            faults.append(one_fault(stack, draw))
            status.update(f"{len(faults)} faults, {end - time.monotonic():.0f} s to go; last: {faults[-1].name}")
    return faults


def _judge(stack: Stack, clients: list[Client], faults: list[Done]) -> Report:
    report = Report(faults, failures=[client.failure for client in clients if client.failure])
    _wait_for_ends(stack)
    logs = {
        str(row[0]): row[1:]
        for row in stack.sql(
            "SELECT id, status, received, records_synced, records_skipped, enqueues,"
            " extract(epoch FROM accepted_at)::float8, extract(epoch FROM finished_at)::float8 FROM sync_logs"
            " WHERE queue = 'ingest'"
        )
    }
    batches = [batch for client in clients for batch in client.truth.accepted]
    report.accepted = len(batches)
    report.reenqueues = (sum(row[4] for row in logs.values()) - len(logs)) / max(len(logs), 1)
    seconds: list[float] = []
    for batch in batches:
        status, received, synced, skipped, _, accepted, finished = logs.get(batch.job_id, (None,) * 7)
        report.lost += status is None or status == "running"
        report.failed += status in ("failed", "cancelled")
        if status != "completed":
            continue
        report.ended += 1
        report.miscounted += (received, synced + skipped, skipped) != (len(batch.records), received, batch.spoiled)
        seconds.append(finished - accepted)
        beside = finished - accepted - _overlap(faults, accepted, finished)
        report.worst_beside_faults = max(report.worst_beside_faults, beside)
    # A log that no receipt names would be a batch that came twice.
    report.twice += len(logs) - len(batches)
    for client in clients:
        report.twice += applied_twice(stack, client.shop.id)
        report.wrong += wrong_rows(stack, client.shop.id, client.truth)
    report.worst_seconds, report.p99_seconds = max(seconds, default=0.0), _p99(seconds)
    frozen = [done for done in faults if done.name == "redis freeze"]
    slow = [
        taken for client in clients for when, taken in client.answers if any(d.began <= when <= d.ended for d in frozen)
    ]
    report.slowest_frozen_p99 = _p99(slow)
    return report


def _wait_for_ends(stack: Stack) -> None:
    """Until no log runs; one that still does after SLACK_SECONDS is lost, and counted so."""
    try:
        wait_until(lambda: not stack.one("SELECT count(*) FROM sync_logs WHERE status = 'running'"), SLACK_SECONDS)
    except AssertionError:
        return


def _overlap(faults: list[Done], began: float, ended: float) -> float:
    return sum(max(0.0, min(done.ended, ended) - max(done.began, began)) for done in faults)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)] if values else 0.0


def show(report: Report, seed: int, seconds: float) -> None:
    console = Console()
    table = Table("what", "figure", "must be", title=f"chaos, seed {seed}, {seconds:.0f} s")
    table.add_row("faults", str(len(report.faults)), "")
    table.add_row("batches accepted / completed", f"{report.accepted} / {report.ended}", "equal")
    table.add_row("pulls that ended meanwhile", str(report.pulls), "")
    table.add_row("lost / failed / miscounted", f"{report.lost} / {report.failed} / {report.miscounted}", "0 / 0 / 0")
    table.add_row("applied twice", str(report.twice), "0")
    table.add_row("rows wrong", str(len(report.wrong)), "0")
    table.add_row("accept to end, p99 / worst", f"{report.p99_seconds:.1f} s / {report.worst_seconds:.1f} s", "")
    table.add_row("worst beside the faults' own time", f"{report.worst_beside_faults:.1f} s", f"≤ {END_SECONDS:.0f} s")
    table.add_row("re-enqueues per batch", f"{report.reenqueues:.2f}", f"< {MOST_REENQUEUES}")
    table.add_row(
        "answer, p99 while Redis is frozen", f"{report.slowest_frozen_p99:.2f} s", f"< {SLOWEST_ANSWER_SECONDS:.0f} s"
    )
    console.print(table)
    console.print(
        "faults: "
        + ", ".join(f"{name} {count}" for name, count in sorted(Counter(d.name for d in report.faults).items()))
    )
    for line in [*report.failures, *report.wrong[:10]]:
        console.print(f"WRONG: {line}", markup=False)


if __name__ == "__main__":
    sys.exit(main())

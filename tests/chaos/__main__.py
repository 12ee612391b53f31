"""`make chaos SECONDS=150 SEED=1`: real processes under load and random faults, and an oracle that knows every row.

Exit 0 only if nothing was lost, nothing came twice, no row is wrong, and every batch ended in time.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from app.settings.logs import configure_logging
from tests.chaos import outbound, pulls
from tests.chaos.client import Client
from tests.chaos.harm import Done, one_fault
from tests.chaos.judge import judge
from tests.chaos.report import Report, show
from tests.chaos.truth import Truth
from tests.fakes.tiktok.shop import FakeTiktok
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.stack import Stack, running_stack
from tests.support.waiting import wait_until

STORES = 4
EVIDENCE = Path("bench-results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    configure_logging("ERROR", "console")
    with running_stack(WORKERS="2", WEB_WORKERS="2", MAX_ATTEMPTS="10", PULL_TURN_SECONDS="5") as stack:
        with FakeTiktok(orders=pulls.COUNT) as fake, FakeWooCommerce() as kept:
            report = chaos(stack, fake, kept, args.seconds, random.Random(args.seed))
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


def chaos(stack: Stack, fake: FakeTiktok, kept: FakeWooCommerce, seconds: float, draw: random.Random) -> Report:
    pulled, sent = pulls.connect(stack, fake), outbound.connect(stack, kept)
    clients = [Client(stack.create_store(f"Shop {n}"), Truth(random.Random(draw.random()))) for n in range(STORES)]
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stop, random.Random(n))) for n, client in enumerate(clients)]
    besides = (pulled.change, pulled.pull, sent.change, sent.edit, sent.stumble)
    threads += [threading.Thread(target=work, args=(stop, random.Random(9))) for work in besides]
    threads.append(threading.Thread(target=pulled.watcher.watch, args=(stop,)))
    for thread in threads:
        thread.start()
    faults = _harm(stack, seconds, draw)
    stop.set()
    for thread in threads:
        thread.join(90)
    stack.thaw()
    wait_until(lambda: stack.answers_sql() and stack.up.health() == 200, 60, "the stack to be back")
    wrong = pulls.judge(pulled) + outbound.judge(sent)
    report = judge(stack, clients, faults)
    report.pulls, report.wrong = pulled.runs, report.wrong + wrong
    report.watermarks = pulled.watcher.moves
    report.told, report.calls = sent.told, kept.calls[outbound.WRITES]
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


if __name__ == "__main__":
    sys.exit(main())

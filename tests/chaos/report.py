"""The figures of one run, what they must be, and how they are shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.chaos.harm import Done

END_SECONDS = 30.0  # promise 3
MOST_REENQUEUES = 1.5
SLOWEST_ANSWER_SECONDS = 2.0


@dataclass
class Report:
    """The figures of one run."""

    faults: list[Done]
    accepted: int = 0
    ended: int = 0
    pulls: int = 0
    watermarks: int = 0
    told: int = 0
    calls: int = 0
    lost: int = 0
    failed: int = 0
    miscounted: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)
    worst_seconds: float = 0.0
    p99_seconds: float = 0.0
    worst_beside_faults: float = 0.0
    worst_after_fault: float = 0.0
    drained_seconds: float = 0.0
    reenqueues: float = 0.0
    slowest_frozen_p99: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        clean = not (self.lost or self.failed or self.miscounted or self.twice or self.wrong or self.failures)
        timely = max(self.worst_beside_faults, self.drained_seconds) <= END_SECONDS
        prompt = self.slowest_frozen_p99 < SLOWEST_ANSWER_SECONDS
        return clean and timely and prompt and self.reenqueues < MOST_REENQUEUES


def show(report: Report, seed: int, seconds: float) -> None:
    console = Console()
    table = Table("what", "figure", "must be", title=f"chaos, seed {seed}, {seconds:.0f} s")
    table.add_row("faults", str(len(report.faults)), "")
    table.add_row("batches accepted / completed", f"{report.accepted} / {report.ended}", "equal")
    table.add_row("pulls that ended meanwhile", str(report.pulls), "")
    table.add_row("watermarks held against the platform", str(report.watermarks), "> 0")
    table.add_row("products told by the ERP / calls to its shop", f"{report.told} / {report.calls}", "")
    table.add_row("lost / failed / miscounted", f"{report.lost} / {report.failed} / {report.miscounted}", "0 / 0 / 0")
    table.add_row("applied twice", str(report.twice), "0")
    table.add_row("rows, or products in the shop, wrong", str(len(report.wrong)), "0")
    table.add_row("accept to end, p99 / worst", f"{report.p99_seconds:.1f} s / {report.worst_seconds:.1f} s", "")
    table.add_row("worst beside the faults' own time", f"{report.worst_beside_faults:.1f} s", f"≤ {END_SECONDS:.0f} s")
    table.add_row(
        "worst after the end of a fault that it met", f"{report.worst_after_fault:.1f} s", f"≤ {END_SECONDS:.0f} s"
    )
    table.add_row("last batch after the last fault's end", f"{report.drained_seconds:.1f} s", f"≤ {END_SECONDS:.0f} s")
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

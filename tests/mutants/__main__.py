"""`make mutants MINUTES=30 SEED=1`: how many of a sample of mistakes the tests notice, and which they do not.

Each mistake is put into a copy of the repository, and the tests that cover its promise run against it. Files take turns, so
that a short run looks at all of them. Exit 0 only if every survivor is explained in survivors.toml.
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.promises import Promise, read_promises, read_survivors
from tests.mutants.python_mutants import cosmic_mutants, dropped_statements
from tests.mutants.runs import Result, copy_tree, run_tests, try_mutant
from tests.mutants.sql_mutants import sql_mutants
from tests.support.paths import ROOT

BASELINE_SECONDS = 600.0
SLACK = 3.0  # a mutant may be this much slower than the code as it stands
GOAL = 90


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="no mutant begins later than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="copies of the repository that are tested side by side")
    parser.add_argument("--only", default="", help="only files whose path contains this")
    parser.add_argument(
        "--cosmic-ray", type=Path, required=True, help="the command of Cosmic Ray, in its own environment"
    )
    args = parser.parse_args()
    deadline = time.monotonic() + 60 * args.minutes
    by_path = {path: promise for promise in read_promises() for path in promise.code if args.only in path}
    with tempfile.TemporaryDirectory(prefix="sluice-mutants-") as scratch:
        trees = [Path(scratch) / f"tree{number}" for number in range(args.jobs)]
        for tree in trees:
            copy_tree(tree)
        mutants = list(every_mutant(by_path, args.cosmic_ray.absolute(), trees[0], Path(scratch)))
        sampled = in_turns(mutants, random.Random(args.seed))
        results = run_all(sampled, by_path, trees, deadline)
    return report(results, len(mutants))


def every_mutant(paths: Iterable[str], tool: Path, tree: Path, scratch: Path) -> Iterator[Mutant]:
    python = [path for path in paths if path.endswith(".py")]
    if python:
        yield from cosmic_mutants(tool, tree, python, scratch)
    for path in paths:
        make = dropped_statements if path.endswith(".py") else sql_mutants
        yield from make(path, (ROOT / path).read_text(encoding="utf-8"))


def in_turns(mutants: Iterable[Mutant], rng: random.Random) -> list[Mutant]:
    """One mutant of each file, then a second of each, and so on; which ones is left to chance."""
    files: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        files[mutant.path].append(mutant)
    for of_file in files.values():
        rng.shuffle(of_file)
    order = list(files.values())
    rng.shuffle(order)
    return [mutant for mutant in chain.from_iterable(zip_longest(*order)) if mutant is not None]


def run_all(sampled: list[Mutant], by_path: dict[str, Promise], trees: list[Path], deadline: float) -> list[Result]:
    """Results of all mutants that begin before the deadline. Exits if the tests fail without any mutant."""
    known = {(one.path, one.line, one.becomes): one.why for one in read_survivors()}
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)

    def baseline(tests: tuple[str, ...]) -> float:
        tree, began = free.get(), time.monotonic()
        passed, said = run_tests(tree, tests, BASELINE_SECONDS)
        free.put(tree)
        if not passed:
            sys.exit(f"these tests fail without a mutant: {' '.join(tests)}\n{said}")
        return time.monotonic() - began

    def result(mutant: Mutant) -> Result | None:
        if time.monotonic() > deadline:
            return None
        tree, tests = free.get(), tuple(by_path[mutant.path].tests)
        made = try_mutant(tree, mutant, tests, 30 + SLACK * seconds[tests], known)
        free.put(tree)
        say(f"{made.fate:9.9} {made.seconds:5.0f} s  {mutant.path}:{mutant.line}  {mutant.what}")
        return made

    with ThreadPoolExecutor(len(trees)) as pool:
        groups = sorted({tuple(promise.tests) for promise in by_path.values()})
        seconds = dict(zip(groups, pool.map(baseline, groups), strict=True))
        say(f"the tests pass without a mutant, in {sum(seconds.values()):.0f} s; {len(sampled)} mutants wait")
        return [made for made in pool.map(result, sampled) if made is not None]


def report(results: list[Result], possible: int) -> int:
    killed = [made for made in results if made.fate == "killed"]
    survived = [made for made in results if made.fate == "survived"]
    explained = [made for made in results if made not in killed and made not in survived]
    tried = len(killed) + len(survived)
    rate = 100 * len(killed) / tried if tried else 0.0
    say(f"\n{len(killed)} of {tried} mutants killed: {rate:.0f} % (goal {GOAL} %); {possible} are possible")
    for made in explained:
        say(f"explained  {made.mutant.path}:{made.mutant.line}  {made.mutant.what}: {made.fate}")
    for made in survived:
        say(
            f"SURVIVED   {made.mutant.path}:{made.mutant.line}  {made.mutant.what}\n    - {made.before}\n    + {made.after}"
        )
    return 1 if survived else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

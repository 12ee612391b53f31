"""`make bench`: every figure a ratio to something measured in the same run, in a table and as JSON."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from app.settings.logs import configure_logging
from tests.bench.parts import DEFAULT_PARTS, PARTS, Options
from tests.bench.report import Row, show


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; without: {', '.join(DEFAULT_PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs, of which the median counts")
    parser.add_argument("--requests", type=int, default=960, help="requests of a run of the accept rate")
    parser.add_argument("--orders", type=int, default=5_000_000, help="stored orders of the scale part")
    parser.add_argument("--share", type=float, default=1.0, help="of the shops that the pulls part pulls")
    args = parser.parse_args()
    unknown = [name for name in args.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    configure_logging("ERROR", "console")
    with Console(stderr=True).status("") as status:
        options = Options(args.runs, args.requests, args.orders, args.share, status.update)
        rows = _measure(args.parts or DEFAULT_PARTS, options)
    show(rows)
    return 0


def _measure(parts: list[str], options: Options) -> list[Row]:
    rows = []
    for name in parts:
        options.say(f"{name} …")
        rows += PARTS[name](options)
    return rows


if __name__ == "__main__":
    sys.exit(main())

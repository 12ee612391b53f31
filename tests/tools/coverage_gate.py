"""Says how much of the code the tests ran, subprocesses included, and fails below the gate."""

from __future__ import annotations

import sys
from pathlib import Path

GATE = 90


def main() -> int:
    total = int(Path(".coverage-total").read_text().strip())
    sys.stdout.write(f"coverage of app, workers, schemas, db: {total} % (gate {GATE} %)\n")
    return 0 if total >= GATE else 1


if __name__ == "__main__":
    sys.exit(main())

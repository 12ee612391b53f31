"""What the code that carries promises passes around can't change under the feet of whoever holds it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutants.promises import read_promises
from tests.support.paths import ROOT

# The state of a turn or of a process, which one thread changes. Every other dataclass is a value.
MUTABLE = {"ActivePull", "Listener", "_PushTurn"}


def dataclasses() -> Iterator[tuple[str, set[str]]]:
    """Name of each dataclass, and which options it sets to true."""
    for path in {path for promise in read_promises() for path in promise.code if path.endswith(".py")}:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for call in node.decorator_list:
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dataclass":
                        true = {
                            str(k.arg)
                            for k in call.keywords
                            if isinstance(k.value, ast.Constant) and k.value.value is True
                        }
                        yield node.name, true


def test_dataclasses_are_values_unless_they_are_state() -> None:
    found = dict(dataclasses())
    assert len(found) > 10 and found.keys() >= MUTABLE
    assert {name for name, options in found.items() if "slots" not in options} == set()
    assert {name for name, options in found.items() if "frozen" not in options} == MUTABLE

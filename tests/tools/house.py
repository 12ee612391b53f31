"""Measures how a source tree is laid out: `python -m tests.tools.house [FOLDER ...]`, by default Sluice's own rooms."""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

ROOMS = ("app", "workers", "schemas", "db")
LEFT_OUT = ("tests", "test", "migrations", "node_modules", "docs", "examples")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one tree. Shares are in percent."""

    modules: int
    functions: int
    median_lines: float
    p90_lines: float
    docstrings: float
    comments: float  # per 100 lines that are not blank
    called_once: float  # private functions with one call, of all functions
    fullest: str
    lazy_imports: int


def measure(paths: Iterable[Path], root: Path) -> Figures:
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    trees = {path: ast.parse(text) for path, text in sources.items()}
    functions = [(path, node) for path, tree in trees.items() for node in functions_of(tree)]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for _, node in functions]
    lines = [line for text in sources.values() for line in text.splitlines() if line.strip()]
    folder, count = Counter(path.parent for path in sources if path.name != "__init__.py").most_common(1)[0]
    return Figures(
        modules=len(sources),
        functions=len(functions),
        median_lines=statistics.median(lengths),
        p90_lines=statistics.quantiles(lengths, n=10)[-1],
        docstrings=100 * sum(ast.get_docstring(node) is not None for _, node in functions) / len(functions),
        comments=100 * sum(is_comment(line) for line in lines) / len(lines),
        called_once=100 * sum(len(list(once_called(tree))) for tree in trees.values()) / len(functions),
        fullest=f"{folder.relative_to(root)} ({count})",
        lazy_imports=sum(has_import(node) for _, node in functions),
    )


def functions_of(tree: ast.AST) -> Iterator[FunctionNode]:
    return (node for node in ast.walk(tree) if isinstance(node, FunctionNode))


def is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") or "  # " in line


def once_called(tree: ast.Module) -> Iterator[str]:
    """Module-level private functions whose name stands once outside their own definition."""
    private = {node.name for node in tree.body if isinstance(node, FunctionNode) and node.name.startswith("_")}
    used = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return (name for name in private if used[name] == 1)


def has_import(function: FunctionNode) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if not set(path.relative_to(folder).parts) & set(LEFT_OUT)]


def main(words: list[str]) -> None:
    asked = [Path(word).resolve() for word in words]
    trees = {folder.name: (folder, files_of(folder)) for folder in asked} or {
        "sluice": (ROOT, [path for room in ROOMS for path in files_of(ROOT / room)])
    }
    for name, (root, paths) in trees.items():
        found = measure(paths, root)
        print(  # noqa: T201 - its output is what it is for
            f"{name}: {found.modules} modules, {found.functions} functions of {found.median_lines:.0f} lines in the median"
            f" and {found.p90_lines:.0f} in the 90th percentile; docstrings {found.docstrings:.0f} %,"
            f" comments {found.comments:.1f} per 100 lines, private functions called once {found.called_once:.0f} %,"
            f" fullest folder {found.fullest}, imports inside functions {found.lazy_imports}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

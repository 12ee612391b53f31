"""Mistakes in Python: those of Cosmic Ray, and dropped statements, for which it has no operator.

Cosmic Ray changes a file on disk and leaves the tests to any command: pytest's version, embedded servers and forked processes
are no concern of it, and it has an environment of its own. mutmut must share ours, and changes nothing outside functions.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard

from tests.mutants.mutant import Mutant, edit

# The other operators mostly make code that fails at once, such as `//` between two strings.
OPERATORS = re.compile(
    r"core/(?:AddNot|ExceptionReplacer|NumberReplacer|ZeroIterationForLoop"
    r"|Replace(?:TrueWithFalse|FalseWithTrue|AndWithOr|OrWithAnd|BreakWithContinue|ContinueWithBreak)"
    r"|ReplaceUnaryOperator_Delete_(?:Not|USub)|ReplaceBinaryOperator_(?:Add_Sub|Sub_Add)"
    r"|ReplaceComparisonOperator_(?:Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Is_IsNot|IsNot_Is))"
)
LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def cosmic_mutants(tool: Path, root: Path, paths: Iterable[str], scratch: Path) -> Iterator[Mutant]:
    """Cosmic Ray's mutants of these files of the tree at `root`. `tool` is its command, `scratch` a directory for its files."""
    config, session = scratch / "cosmic-ray.toml", scratch / "cosmic-ray.sqlite"
    config.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(sorted(paths))}\n"
        'timeout = 60.0\nexcluded-modules = []\ntest-command = "true"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    subprocess.run([tool, "init", config, session], cwd=root, check=True)
    dumped = subprocess.run([tool, "dump", session], cwd=root, check=True, capture_output=True, text=True).stdout
    left_out = {path: set(_lines_left_out((root / path).read_text(encoding="utf-8"))) for path in paths}
    for item in dumped.splitlines():
        found = json.loads(item)[0]["mutations"][0]
        path, operator, line = found["module_path"], found["operator_name"], found["start_pos"][0]
        if OPERATORS.fullmatch(operator) and line not in left_out[path]:
            yield _cosmic(tool, path, operator, found["occurrence"], line)


def _lines_left_out(text: str) -> Iterator[int]:
    # Figures of a log event, and a module's constants: a wait of 3 seconds instead of 2 is a choice and no mistake.
    tree = ast.parse(text)
    constants = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    for node in (*constants, *filter(_is_log_event, ast.walk(tree))):
        yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _is_log_event(node: ast.AST) -> TypeGuard[ast.Expr]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
    return False


def _cosmic(tool: Path, path: str, operator: str, occurrence: int, line: int) -> Mutant:
    def make(root: Path) -> None:
        subprocess.run([tool, "apply", path, operator, str(occurrence)], cwd=root, check=True)

    return Mutant(path, line, f"{operator.removeprefix('core/')} {occurrence}", make)


def dropped_statements(path: str, text: str) -> Iterator[Mutant]:
    """Calls for their effect, guards, raises and counts, each replaced by `pass`. Log events are left out."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.stmt)
            and _says_something(node)
            and not lines[node.lineno - 1].lstrip().startswith("elif")
        ):
            start = len("".join(lines[: node.lineno - 1])) + node.col_offset
            end = len("".join(lines[: node.end_lineno]).rstrip("\n"))
            yield edit(path, text, start, end, "pass", f"drop `{ast.unparse(node).splitlines()[0]}`")


def _says_something(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            return not _is_log_event(node)
        case ast.If(orelse=[]):
            return isinstance(node.body[-1], LEAVES)
    return False

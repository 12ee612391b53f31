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
    for line in dumped.splitlines():
        found = json.loads(line)[0]["mutations"][0]
        path, operator, occurrence = found["module_path"], found["operator_name"], found["occurrence"]
        if OPERATORS.fullmatch(operator):
            yield _cosmic(tool, path, operator, occurrence, found["start_pos"][0])


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
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return False
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            return True
        case ast.If(orelse=[]):
            return isinstance(node.body[-1], LEAVES)
    return False

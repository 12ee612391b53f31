"""SQL only in db/, one user for every query, a row for every setting, and a worker for every queue."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from app.settings.environment import load_settings
from app.stack.endpoints import Endpoints
from app.stack.up import child_specs
from tests.support.commands import parse
from tests.support.paths import ROOT
from workers.core.queues import QUEUES

ROOMS = ("app", "workers", "schemas", "db")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SQL_FILES = sorted((ROOT / "db").rglob("*.sql"))
QUERY_FILES = [path for path in SQL_FILES if path.with_suffix(".py").exists()]
SQL_TEXT = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.+\bSET\b|\bDELETE FROM\b|\b(CREATE|ALTER|DROP) (TABLE|ROLE|DATABASE)\b",
    re.DOTALL,
)
MOST_MODULES = 20  # in one folder
HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def name_of(path: Path) -> str:
    """The module's dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, list[ast.AST]]:
    """Each module's nodes, by its name; read and walked once for all tests."""
    return {name_of(path): list(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) for path in SOURCES}


def is_inside(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def test_app_init_is_empty() -> None:
    assert (ROOT / "app" / "__init__.py").read_text(encoding="utf-8") == ""


def test_no_folder_is_crowded() -> None:
    files = [path for path in (*SOURCES, *(ROOT / "tests").rglob("*.py")) if path.name != "__init__.py"]
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in files)
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


def texts_of(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Each text that is no docstring."""
    nodes = list(nodes)
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in nodes if isinstance(node, owners) and node.body]
    docstrings = {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_sql_stands_outside_db() -> None:
    found = [
        f"{module}: {text[:60]}"
        for module, nodes in modules().items()
        if not is_inside(module, ("db",))
        for text in texts_of(nodes)
        if SQL_TEXT.search(text)
    ]
    assert found == []


def test_no_statement_is_written_by_hand_in_db() -> None:
    """All but the one that can't be a parameterised query: CREATE DATABASE takes no parameters."""
    found = [
        module
        for module, nodes in modules().items()
        if is_inside(module, ("db",))
        for text in texts_of(nodes)
        if SQL_TEXT.search(text)
    ]
    assert found == ["db.core.installation"]


def uses_of(nodes: Iterable[ast.AST], known: set[str]) -> list[str]:
    """Each `SQL["name"]` of a module, and each name of its file that stands there as a plain text."""
    plain = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in plain if text in known]


@pytest.mark.parametrize("path", QUERY_FILES, ids=name_of)
def test_every_named_query_has_exactly_one_user(path: Path) -> None:
    names = HEADER.findall(path.read_text(encoding="utf-8"))
    uses = uses_of(modules()[name_of(path)], set(names))
    assert sorted(uses) == sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("path", QUERY_FILES, ids=name_of)
def test_every_used_query_exists(path: Path) -> None:
    names = set(HEADER.findall(path.read_text(encoding="utf-8")))
    source = path.with_suffix(".py").read_text(encoding="utf-8")
    assert "SQL = queries(__file__)" in source
    assert set(re.findall(r'SQL\["(\w+)"\]', source)) <= names


def test_every_module_with_queries_reads_its_own_file() -> None:
    asked = {call for path in SOURCES for call in re.findall(r"\bqueries\(.*?\)", path.read_text(encoding="utf-8"))}
    assert asked == {"queries(module: str)", "queries(__file__)"}


@pytest.mark.parametrize("path", QUERY_FILES, ids=name_of)
def test_every_query_states_its_guarantee(path: Path) -> None:
    texts = HEADER.split(path.read_text(encoding="utf-8"))[2::2]
    assert all(re.match(r"\n-- \S.*[.:)]\n", text) or re.match(r"\n-- \S.*\n-- \S", text) for text in texts)


def test_migrations_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "db" / "migrations").iterdir() if path.is_file())
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_takeover_goes_on_from_the_old_migrations() -> None:
    """Fixture and takeover are the whole history from before the baseline."""
    folders = (ROOT / "tests" / "fixtures" / "migrations", ROOT / "db" / "takeover")
    numbers = [int(path.name[:4]) for folder in folders for path in sorted(folder.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_setting_has_its_row_in_the_document() -> None:
    source = (ROOT / "app" / "settings" / "environment.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\bread\(\s*"([A-Z_]+)"', source))
    rows = re.findall(r"^\|\s*`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(read) > 15
    assert sorted(rows) == sorted(read)


def queue_of(command: list[str]) -> str | None:
    """The queue that `python -m app worker …` works on; None for another command."""
    if command[1:4] != ["-m", "app", "worker"]:
        return None
    queue: str = parse(command[3:]).params["queue"]
    return queue


def test_each_queue_has_a_worker_under_up() -> None:
    endpoints = Endpoints("postgresql://x/y", None, None, "redis://x", "k" * 32)
    commands = [list(spec.argv) for spec in child_specs(load_settings({}), endpoints, {})]
    assert {queue_of(command) for command in commands} - {None} == set(QUEUES)


def test_each_queue_has_a_worker_in_compose() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"].values()
    commands = [service["command"] for service in services if "command" in service]
    assert {queue_of(command) for command in commands} - {None} == set(QUEUES)


def test_every_file_starts_with_a_description() -> None:
    silent = [path for path in [*SOURCES, *SQL_FILES] if not says_what_it_is(path)]
    assert [str(path.relative_to(ROOT)) for path in silent if path.name != "__init__.py" or path.read_text()] == []


def says_what_it_is(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith('"""' if path.suffix == ".py" else "--")

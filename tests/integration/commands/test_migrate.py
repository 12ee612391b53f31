"""`migrate` says what it did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from db.core.migrate import read_schema
from tests.conftest import Database, Servers
from tests.support.old_schema import empty_database, old_database

Command = Callable[..., tuple[int, str]]
FUNCTIONS = f"applied {len(read_schema().functions)} functions: "


@pytest.mark.parametrize(
    "made, said",
    [
        (empty_database, ["applied 0001_baseline"]),
        (old_database, ["took over a database from before 0001_baseline with its data", "applied 0016_bounds"]),
    ],
    ids=["empty", "old"],
)
def test_migrate_reports_what_it_did(
    servers: Servers,
    command_line: Command,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Servers], AbstractContextManager[Database]],
    said: list[str],
) -> None:
    with made(servers) as database:
        monkeypatch.setenv("MIGRATION_DATABASE_URL", database.owner_url)
        monkeypatch.setenv("DATABASE_URL", database.url)
        code, output = command_line("migrate")
        assert code == 0
        lines = output.splitlines()
        assert lines[: len(said)] == said
        assert [line[: len(FUNCTIONS)] for line in lines if "functions" in line] == [FUNCTIONS]
        assert command_line("migrate") == (0, "nothing to apply\n")

"""Tables of commands on narrow and wide terminals."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from rich.console import Console

from app.commands.terminal.output import Column, table
from app.commands.terminal.references import PART_OF_ID, match_store
from app.stack.command_errors import CommandError, NotFound
from db.stores.stores import Store
from schemas.base.fields import moment_of

IDS = [UUID(f"01a1fd5e-0000-7000-8000-0000000000{number:02x}") for number in range(4)]
NOW = moment_of("2026-01-15T00:00:00Z")


def printed(width: int) -> str:
    made = table("job", "entity", Column("source", 2), Column("accepted", 1), "reason")
    for store_id in IDS:
        made.add_row(str(store_id), "orders", "plugin", "2026-01-15T10:30:00Z", "every attempt was interrupted")
    screen = Console(file=io.StringIO(), width=width, force_terminal=False)
    screen.print(made)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_a_table_fits_its_terminal(width: int) -> None:
    lines = printed(width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("interrupted" in line for line in lines) == len(IDS)  # no row is wrapped


def test_a_wide_terminal_shows_everything() -> None:
    shown = printed(200)
    assert all(str(each) in shown for each in IDS)
    assert "source" in shown and "not shown" not in shown


def test_a_narrow_one_shortens_ids_then_drops_by_priority() -> None:
    assert "…00000001" in printed(100) and "accepted" in printed(100)
    assert "not shown: source (--json has all)" in printed(80)
    assert "not shown: source, accepted (--json has all)" in printed(60)


def make_store(number: int, name: str) -> Store:
    assert NOW is not None
    return Store(IDS[number], name, "woocommerce", None, False, None, NOW)


STORES = [make_store(0, "Lamps"), make_store(1, "Lamps and more"), make_store(2, "Pots")]


@pytest.mark.parametrize(
    ("given", "number"), [("lamps", 0), ("Lamps a", 1), ("P", 2), (" pots ", 2), ("…00000001", 1), ("000000000002", 2)]
)
def test_a_store_is_found_by_name_or_short_id(given: str, number: int) -> None:
    assert match_store(given, STORES, prefix=True) == IDS[number]


def test_a_name_of_several_stores_lists_them() -> None:
    with pytest.raises(CommandError, match=r"lam may be Lamps \(00000000\), Lamps and more \(00000001\): give more"):
        match_store("lam", STORES, prefix=True)


@pytest.mark.parametrize("given", ["", "mps", "Shoes", "00000009"])
def test_an_unknown_name_is_not_found(given: str) -> None:
    with pytest.raises(NotFound, match="no store is called"):
        match_store(given, STORES, prefix=True)


def test_what_deletes_a_store_takes_whole_names_only() -> None:
    with pytest.raises(NotFound):
        match_store("pot", STORES, prefix=False)
    assert match_store("pots", STORES, prefix=False) == IDS[2]
    assert PART_OF_ID.fullmatch(str(IDS[2])[-8:])

"""Stores and jobs by what people see: names, short ids, and nothing where there is only one store; and the ERP's template."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import Connection

from app.commands.terminal.exits import DONE, NOT_FOUND
from app.usecases.stores import create_store
from tests.integration.commands.test_jobs import shell as shell
from tests.support.factories import make_order
from tests.support.pipeline import sync
from workers.core.runtime import Runtime

Said = tuple[int, str, str]


def test_jobs_are_found_by_store_name_and_short_id(
    shell: Callable[..., Said], runtime: Runtime, conn: Connection
) -> None:
    store = create_store(conn, "Müller & Söhne", "woocommerce").store_id
    job = str(sync(runtime, store, "orders", [make_order()]).id)
    code, out, err = shell("jobs", "list", "--store", "müller", "--json")
    assert (code, err) == (DONE, "")
    assert [one["jobId"] for one in json.loads(out)] == [job]
    code, out, err = shell("jobs", "show", f"…{job[-8:]}", "--json")
    assert (code, err) == (DONE, "")
    assert json.loads(out)["jobId"] == job
    assert shell("jobs", "show", "ffffffff")[0] == NOT_FOUND


@pytest.mark.parametrize("words", [(), ("--categories",)])
def test_the_template_can_be_imported(
    shell: Callable[..., Said], conn: Connection, tmp_path: Path, words: tuple[str, ...]
) -> None:
    name = f"Template shop {len(words)}"
    create_store(conn, name, "woocommerce")
    code, out, err = shell("erp", "template", *words)
    assert (code, err) == (DONE, "")
    file = tmp_path / "records.csv"
    file.write_text(out)
    code, out, err = shell("erp", "import", file, "--store", name, "--json", *words)
    assert (code, err) == (DONE, "")
    assert json.loads(out)["inserted"] == 1

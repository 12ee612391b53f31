"""The README's session with curl, run as it stands there: what we promise to a reader works when typed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import REPOSITORY, Stack, running_stack

README = REPOSITORY / "README.md"
HEADING = "## A session with curl"
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SESSION_SECONDS = 120.0


def section() -> str:
    """The text below the heading, up to the next one of its level."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    _, found, below = text.partition(f"\n{HEADING}\n")
    if not found:
        pytest.fail(f"README.md has no section {HEADING!r}")
    return re.split(r"^## ", below, maxsplit=1, flags=re.MULTILINE)[0]


def script() -> str:
    """All blocks of the session as one script."""
    blocks = [commands_in(kind, code) for kind, code in BLOCK.findall(section())]
    if not any("curl" in block for block in blocks):
        pytest.fail(f"the section {HEADING!r} of README.md has no ```sh or ```console block with curl in it")
    return "\n".join(blocks)


def commands_in(kind: str, code: str) -> str:
    """A `sh` block is all commands; of a `console` block those behind a prompt, with the lines that continue them.

    A line with `…` shows what only the reader has (his token), so it is left to our own environment.
    """
    if kind == "sh":
        return code
    kept: list[str] = []
    continues = False
    for line in code.splitlines():
        if continues or line.startswith(("$ ", "> ")):
            kept.append(line if continues and not line.startswith("> ") else line[2:])
            continues = line.endswith("\\")
    return "\n".join(line for line in kept if "…" not in line)


def documents_in(output: str) -> Iterator[Any]:
    """Every JSON object that was printed, wherever it begins."""
    decoder = json.JSONDecoder()
    at = output.find("{")
    while at >= 0:
        try:
            found, at = decoder.raw_decode(output, at)
            yield found
        except json.JSONDecodeError:
            at += 1
        at = output.find("{", at)


def statuses_in(document: Any) -> list[str]:
    """Each value of `status` in the data of an answer, at any depth."""
    if isinstance(document, list):
        return [status for part in document for status in statuses_in(part)]
    if not isinstance(document, dict):
        return []
    own = [document["status"]] if isinstance(document.get("status"), str) else []
    return own + [status for part in document.values() for status in statuses_in(part)]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(WORKERS="2") as running:
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory like a reader's checkout after `make setup`; what the session writes stays in it."""
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_the_session_with_curl_works_as_printed(stack: Stack, checkout: Path) -> None:
    given = {"URL": stack.url, "TOKEN": stack.create_store().token, "PYTHONPATH": str(REPOSITORY)}
    session = subprocess.run(
        ["bash", "-eu", "-c", script()],
        cwd=checkout,
        env=stack.up.env | given,
        capture_output=True,
        text=True,
        timeout=SESSION_SECONDS,
    )
    assert session.returncode == 0, session.stdout + session.stderr
    answers = [found for found in documents_in(session.stdout) if "success" in found]
    assert answers, f"no answer was printed: {session.stdout}"
    assert [answer for answer in answers if answer["success"] is not True] == []
    assert "completed" in statuses_in(answers), session.stdout


def test_a_console_block_gives_its_commands_and_not_their_output() -> None:
    code = '$ curl -s \\\n    "$URL/a"\n{"success": true}\n$ export TOKEN=slc_…\n$ echo 1\n1\n'
    assert commands_in("console", code) == 'curl -s \\\n    "$URL/a"\necho 1'
    assert commands_in("sh", code) == code


def test_answers_are_found_between_other_output() -> None:
    printed = 'HTTP/1.1 200 OK\n{"a": {"status": "completed"}}{"b": 1} {not json} x\n'
    found = list(documents_in(printed))
    assert found == [{"a": {"status": "completed"}}, {"b": 1}]
    assert statuses_in(found) == ["completed"]

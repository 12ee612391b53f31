"""The README's session and the guide's examples, run as they stand there: what we promise to a reader works when typed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.support.stack import Stack

README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "plugin-guide.md"
WORDPRESS = ROOT / "tests" / "fixtures" / "php" / "wordpress.php"
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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory like a reader's checkout after `make setup`; what the session writes stays in it."""
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_the_session_with_curl_works_as_printed(stack: Stack, checkout: Path) -> None:
    given = {"URL": stack.url, "TOKEN": stack.create_store().token, "PYTHONPATH": str(ROOT)}
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


def example(language: str) -> str:
    """The guide's program in a language."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(code)


def run_example(stack: Stack, command: list[str]) -> str:
    given = {"SLUICE_URL": stack.url, "SLUICE_TOKEN": stack.create_store().token}
    done = subprocess.run(
        command, env=stack.up.env | given, capture_output=True, text=True, timeout=SESSION_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guides_example_in_python_works_as_printed(stack: Stack, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(example("python"), encoding="utf-8")
    told = run_example(stack, [sys.executable, str(program)]).splitlines()
    assert told[0] == "completed 1 synced, 1 skipped"
    assert told[1].startswith("1 wc_category_id ")


PHP_SESSION = """
$records = [['wc_order_id' => 7, 'date_created' => '2026-01-15T10:30:00Z', 'status' => 'completed', 'total' => '9.99'], []];
$job = sluice_send('orders', $records, 'batch-1');
if (sluice_send('orders', $records, 'batch-1') !== $job) { throw new Exception('a second log'); }
for ($i = 0; $i < 200 && sluice_job($job)['status'] === 'running'; $i++) { usleep(100000); }
echo sluice_job($job)['status'], ' ', count(sluice_skipped($job)) > 0 ? 'skipped' : 'nothing skipped', "\n";
try { sluice_send('orders', [], 'batch-1'); } catch (RuntimeException $e) { echo $e->getMessage(), "\n"; }
update_option('sluice_url', 'http://127.0.0.1:1');
var_export(sluice_send('orders', [], 'batch-2'));
echo get_option('sluice_not_before') > time() ? ' waits' : ' does not wait', "\n";
"""


def test_the_guides_example_in_php_is_short() -> None:
    assert len(example("php").splitlines()) <= 60


def test_the_guides_example_in_php_works_as_printed(stack: Stack, tmp_path: Path) -> None:
    php = shutil.which("php")
    if php is None:
        pytest.skip("there is no php on this machine")
    program = tmp_path / "session.php"
    program.write_text(f"{example('php')}\nrequire '{WORDPRESS}';\n{PHP_SESSION}", encoding="utf-8")
    told = run_example(stack, [php, str(program)]).splitlines()
    assert told[0] == "completed skipped"
    assert told[1].startswith("IDEMPOTENCY_KEY_REUSED: ")
    assert told[2] == "NULL waits"


def test_a_console_block_gives_its_commands_and_not_their_output() -> None:
    code = '$ curl -s \\\n    "$URL/a"\n{"success": true}\n$ export TOKEN=slc_…\n$ echo 1\n1\n'
    assert commands_in("console", code) == 'curl -s \\\n    "$URL/a"\necho 1'
    assert commands_in("sh", code) == code


def test_answers_are_found_between_other_output() -> None:
    printed = 'HTTP/1.1 200 OK\n{"a": {"status": "completed"}}{"b": 1} {not json} x\n'
    found = list(documents_in(printed))
    assert found == [{"a": {"status": "completed"}}, {"b": 1}]
    assert statuses_in(found) == ["completed"]

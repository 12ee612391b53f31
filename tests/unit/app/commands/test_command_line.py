"""The command line as a whole: version, help, completion, errors of use, and what each command imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import COMPLETE_VARIABLE, MODULES, SECTIONS, main
from app.commands import up
from app.commands.terminal.exits import DONE, WRONG_USE
from app.settings.environment import Settings, load_settings
from app.settings.version import VERSION
from app.stack.endpoints import Endpoints
from app.stack.up import child_specs
from tests.support.commands import all_commands, parse
from tests.support.paths import ROOT

Capture = pytest.CaptureFixture[str]
LONGEST_SUMMARY = 66  # with the name it fits a terminal of 80 columns


def test_version_is_printed(capsys: Capture) -> None:
    assert main(["--version"]) == DONE
    assert capsys.readouterr().out == f"Sluice {VERSION}\n"


def test_help_lists_every_command_module(capsys: Capture) -> None:
    assert main(["--help"]) == DONE
    shown = capsys.readouterr().out.splitlines()
    names = [name for section in SECTIONS.values() for name in section]
    assert all(any(line.startswith(f"  {name} ") for line in shown) for name in names)
    modules = {path.stem for path in (ROOT / "app" / "commands").glob("*.py")} - {"__init__"}
    assert {MODULES.get(name, name) for name in names} == modules


def test_each_command_has_a_summary_of_one_line() -> None:
    summaries = {words: (command.help or "").splitlines()[0] for words, command in all_commands().items()}
    assert [words for words, summary in summaries.items() if not 0 < len(summary) <= LONGEST_SUMMARY] == []


def test_each_example_is_a_command_that_parses() -> None:
    examples = [command.example for command in all_commands().values() if command.example]
    assert len(examples) > 10
    for example in examples:
        words = [
            "01a1fd5e-0000-7000-8000-000000000000" if word in ("STORE", "JOB", "PRODUCT") else word
            for word in example.replace('"My shop"', "shop").split()
        ]
        assert parse(words).command.callback


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("frob",), "error: No such command 'frob'. Try `python -m app --help`.\n"),
        (
            ("store",),
            "error: No such command 'store'. (Did you mean one of: 'restore', 'stores'?) Try `python -m app --help`.\n",
        ),
        (("jobs",), "error: Missing command. Try `python -m app jobs --help`.\n"),
        (("stores", "create"), "error: Missing option '--name'. Try `python -m app stores create --help`.\n"),
        (
            ("operators", "create", "--never", "--days", "3"),
            "error: --days and --never can't be used together. Try `python -m app operators create --help`.\n",
        ),
        (
            ("schedules", "set", "--store", "01a1fd5e-0000-7000-8000-000000000000"),
            "error: One of --cron and --every is required. Try `python -m app schedules set --help`.\n",
        ),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_wrong_use_is_one_line(capsys: Capture, words: tuple[str, ...], told: str) -> None:
    assert main(words) == WRONG_USE
    assert capsys.readouterr() == ("", told)


def test_no_command_shows_the_help_as_an_error(capsys: Capture) -> None:
    assert main([]) == WRONG_USE
    out, err = capsys.readouterr()
    assert out == "" and "Run Sluice:" in err


def test_completion_offers_commands_and_actions() -> None:
    asked = (
        ("sluice sto", "1", "plain,stores\n"),
        ("sluice jobs wa", "2", "plain,watch\n"),
        ("sluice frob x", "2", "\n"),
    )
    for words, position, expected in asked:
        given = {COMPLETE_VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
        done = subprocess.run(
            [sys.executable, "-m", "app"], cwd=ROOT, env=os.environ | given, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        (
            "worker",
            {
                "flask",
                "httpx",
                "marshmallow",
                "nh3",
                "workers.processes.dispatcher",
                "workers.outbound.intake.listener",
            },
        ),
        ("health", {"flask", "httpx", "marshmallow", "nh3", "rq"}),
    ],
)
def test_process_imports_nothing_of_other_commands(name: str, foreign: set[str]) -> None:
    code = f"import sys; from app.__main__ import cli; cli.get_command(None, {name!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"app.commands.{name}" in loaded
    assert loaded & foreign == set()
    assert {module for module in loaded if module.startswith("app.commands.") and module.count(".") == 2} == {
        f"app.commands.{name}",
        "app.commands.terminal",
    }


def test_up_takes_host_and_port_for_the_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[Settings] = []

    def start(settings: Settings) -> int:
        started.append(settings)
        return DONE

    monkeypatch.setattr("app.stack.up.up", start)
    monkeypatch.setattr(up, "configure_logging", lambda _level, _format: None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "8000")
    assert main(["up", "--host", "127.0.0.2", "--port", "8123"]) == DONE
    (settings,) = started
    assert (settings.host, settings.port) == ("127.0.0.2", 8123)
    endpoints = Endpoints("postgresql://x/y", None, None, "redis://x", "k" * 32)
    (api, *_) = child_specs(settings, endpoints, {"PORT_FILE": "/run/port", "PORT": "8000"})
    assert load_settings(api.env).port == 8123
    assert load_settings(api.env).host == "127.0.0.2"

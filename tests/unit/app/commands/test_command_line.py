"""The command line as a whole: version, help, completion, errors of use, and what each command imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.__main__ import COMPLETE_VARIABLE, MODULES, SECTIONS, main
from app.commands import up
from app.commands.terminal.exits import DONE, FAILED, WRONG_USE
from app.commands.terminal.program import GENERIC, program_of
from app.settings.environment import Settings, load_settings
from app.settings.version import VERSION
from app.stack.endpoints import Endpoints
from app.stack.up import child_specs
from tests.support.commands import all_commands, parse
from tests.support.paths import ROOT

Capture = pytest.CaptureFixture[str]
ENDPOINTS = Endpoints("postgresql://x/y", None, None, "redis://x", "k" * 32)
LONGEST_SUMMARY = 66  # with the name it fits a terminal of 80 columns


@pytest.fixture(autouse=True)
def called_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an activated environment, whatever python runs the tests."""
    monkeypatch.setattr("app.commands.terminal.program.program", lambda: GENERIC)


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


def test_each_command_that_answers_has_json() -> None:
    without = {
        words
        for words, command in all_commands().items()
        if not any("--json" in param.opts for param in command.params)
    }
    # They run until they are stopped, tell a story to a person, ask a question, or answer with their exit code.
    assert without == {*("up", "worker", "dispatcher", "listener", "dashboard"), "demo", "restore", "health"}


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


def test_before_set_up_one_line_says_what_to_run() -> None:
    bare = [sys.executable, "-S", "-m", "app", "stores", "list"]  # without installed packages
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert done.stderr == "Sluice is not set up here: run `make setup`, then `.venv/bin/python -m app`\n"


@pytest.mark.parametrize(
    ("on_path", "called"),
    [
        ("/srv/sluice/.venv/bin/python", "python -m app"),
        ("/usr/bin/python", ".venv/bin/python -m app"),
        (None, ".venv/bin/python -m app"),
    ],
)
def test_hints_call_the_python_that_runs(on_path: str | None, called: str) -> None:
    here = Path("/srv/sluice")
    assert program_of(here / ".venv/bin/python", on_path, here) == called
    assert program_of(Path("/opt/python"), on_path, here) == "/opt/python -m app"


def test_an_errors_hint_can_be_pasted(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.commands.terminal.program.program", lambda: "/opt/python -m app")
    assert main(["jobs"]) == WRONG_USE
    assert capsys.readouterr().err.endswith("Try `/opt/python -m app jobs --help`.\n")


def test_up_logs_warnings_alone_on_a_terminal() -> None:
    settings = load_settings({})
    assert up.log_level(settings, {}, on_terminal=True) == "WARNING"
    assert up.log_level(settings, {}, on_terminal=False) == "INFO"
    assert up.log_level(load_settings({"LOG_LEVEL": "DEBUG"}), {"LOG_LEVEL": "DEBUG"}, on_terminal=True) == "DEBUG"
    (api, *_) = child_specs(replace(settings, log_level="WARNING"), ENDPOINTS, {"LOG_LEVEL": "INFO"})
    assert load_settings(api.env).log_level == "WARNING"


def test_banner_says_in_six_lines_where_things_are() -> None:
    shown = up.banner(load_settings({"DATA_DIR": "/srv/data", "PORT": "8123"}), "LINK")
    assert [line.split()[0] for line in shown.splitlines()] == ["Sluice", "console", "API", "data", "processes", "next"]
    assert all(text in shown for text in ("http://127.0.0.1:8123/docs", "LINK", "/srv/data", "Ctrl-C", "stores create"))


def test_up_takes_host_and_port_for_the_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[Settings] = []

    def start(settings: Settings, _banner: Callable[[Endpoints], str]) -> int:
        started.append(settings)
        return DONE

    monkeypatch.setattr("app.stack.up.up", start)
    monkeypatch.setattr(up, "configure_logging", lambda _level, _format: None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "8000")
    assert main(["up", "--host", "127.0.0.2", "--port", "8123"]) == DONE
    (settings,) = started
    assert (settings.host, settings.port) == ("127.0.0.2", 8123)
    (api, *_) = child_specs(settings, ENDPOINTS, {"PORT_FILE": "/run/port", "PORT": "8000"})
    assert load_settings(api.env).port == 8123
    assert load_settings(api.env).host == "127.0.0.2"

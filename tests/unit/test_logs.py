"""A log line is one line, and holds neither an address nor an exception's text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.logs import SHARED, configure_logging, get_logger, logging_dict, place_of_exception, redact
from schemas.privacy import mask_emails

ADDRESS = "John.Doe@example.com"
ROW = f"Failing row contains ({ADDRESS}, secret)"


def raised(text: str = ROW) -> Exception:
    """An exception that was raised, with its traceback."""
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
    """An event as our own processors leave it."""
    for processor in SHARED:
        if processor not in (SHARED[1], SHARED[2]):  # these two need a logger
            event = dict(processor(None, "info", event))  # type: ignore[arg-type]
    return event


@pytest.mark.parametrize("text", [ADDRESS, f"for {ADDRESS}!", f"key=({ADDRESS})", f'"{ADDRESS}"'])
def test_no_address_is_logged(text: str) -> None:
    event = through({"event": text, "detail": text})
    assert "example.com" not in repr(event)
    assert "[email]" in event["event"]


@given(st.text("a@.b ", max_size=30))
def test_what_the_store_masks_the_log_redacts(text: str) -> None:
    event = redact(None, "info", {"event": text})
    assert mask_emails(event["event"].replace("[email]", "")) == event["event"].replace("[email]", "")


def test_an_exception_is_logged_by_type_and_place_and_never_by_its_text() -> None:
    event = through({"event": "attempt_failed", "exc_info": raised()})
    assert event["raised"] == "CheckViolation"
    assert event["at"].startswith("raised:")
    assert "secret" not in repr(event) and "Failing row" not in repr(event)


@pytest.mark.parametrize("info", [None, False, (None, None, None)])
def test_without_an_exception_there_is_nothing_to_place(info: Any) -> None:
    assert place_of_exception(None, "info", {"event": "x", "exc_info": info}) == {"event": "x"}


def test_a_foreign_records_exception_text_is_not_logged(lines: io.StringIO) -> None:
    error = raised()
    logging.getLogger("foreign").error("it failed for %s", ADDRESS, exc_info=error)
    line = json.loads(lines.getvalue())
    assert line["event"] == "it failed for [email]"
    assert line["raised"] == "CheckViolation"
    assert "Failing row" not in lines.getvalue()


def test_a_foreign_records_extras_are_redacted(lines: io.StringIO) -> None:
    logging.getLogger("foreign").error("x", extra={"who": ADDRESS})
    assert "example.com" not in lines.getvalue()


def test_a_line_stays_one_line(lines: io.StringIO) -> None:
    logging.getLogger("foreign").error("two\nlines")
    assert lines.getvalue().count("\n") == 1


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_our_own_logger_says_where_and_not_what(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure_logging("INFO", log_format)
        get_logger("fresh." + log_format).error("request_failed", exc_info=raised(), who=ADDRESS)
        written = capsys.readouterr().err
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()
    assert "request_failed" in written and "CheckViolation" in written
    assert "Failing row" not in written and "example.com" not in written


def test_quiet_libraries_stay_quiet() -> None:
    levels = logging_dict("INFO", "json")["loggers"]
    assert levels["rq.worker"]["level"] == levels["httpx"]["level"] == "WARNING"

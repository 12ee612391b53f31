"""Structured logs: one processor chain for our own records and for those of gunicorn, rq and psycopg."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
import threading
from typing import Any, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from schemas.base.privacy import redact_emails

# Prefixes of our tokens and of the platforms' keys: a library may quote one in a message.
SECRET = re.compile(r"\b(slc_|ck_|cs_|shp[a-z]{2}_)[\w-]{8,}")
CONTAINERS = (list, tuple, dict)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Last line of defence: removes e-mail addresses and tokens from a log line, at any depth."""
    for key, value in event.items():
        kind = type(value)
        if kind is str:
            event[key] = _redacted_text(value)
        elif kind in CONTAINERS:
            event[key] = _redacted(value)
    return event


def _redacted_text(text: str) -> str:
    plain = redact_emails(text, "[email]")
    return SECRET.sub("[secret]", plain) if "_" in plain else plain


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, dict):
        return {_redacted(key): _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def place_of_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the exception's type and its innermost frames, without its text.

    The text of psycopg's errors has row values (`DETAIL: Failing row contains …`).
    """
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not isinstance(info, tuple) or info[0] is None:
        return event
    event["raised"] = info[0].__name__
    event["at"] = " < ".join(reversed(_frames(info[2])))
    return event


def _frames(traceback: Any) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return frames[-4:]


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(allow=()),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    place_of_exception,
    redact,
]


def configure_logging(level: str, log_format: str) -> None:
    """Write every record of this process to standard error as one line. `log_format` is `console` or `json`."""
    logging.raiseExceptions = False  # a handler that fails would print the record, exception text and all
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(logging_dict(level, log_format))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda raised: _log_uncaught(raised.exc_type, raised.exc_value, raised.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: Any) -> None:
    # Python's own report would print the exception's text.
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error or kind(), traceback)
    elif not issubclass(kind, SystemExit):
        log.critical("exception_not_caught", exc_info=(kind, error, traceback))


def _renderer(log_format: str) -> Processor:
    return (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    )


def logging_dict(level: str, log_format: str) -> dict[str, Any]:
    """The standard library's configuration. Foreign loggers are quieter: we log their facts ourselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
                "foreign_pre_chain": SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "gunicorn.error": {"level": level, "propagate": True, "handlers": []},
            "gunicorn.access": {"level": "WARNING", "propagate": True, "handlers": []},
            "rq.worker": {"level": "WARNING", "propagate": True, "handlers": []},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for constant event names with facts as fields: `log.info("batch_accepted", records=12)`."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


log = get_logger(__name__)

"""Classifies PostgreSQL's errors: what to retry, and what can never succeed.

The text of an exception never leaves this module: it contains row values (`DETAIL: Failing row contains …`).
"""

from __future__ import annotations

from psycopg import DataError, Error, InterfaceError, OperationalError
from psycopg.errors import CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation
from psycopg_pool import PoolClosed, PoolTimeout

# Classes of SQLSTATE that say "not now": connection, resources (disk full, too many connections), operator, rollback.
RETRYABLE_CLASSES = ("08", "40", "53", "57", "58")
LOCK_NOT_AVAILABLE = "55P03"
IDLE_IN_TRANSACTION = "25P03"
READ_ONLY_TRANSACTION = "25006"  # a failover in progress

CONTENTION_CLASS = "40"  # deadlock, serialization
QUERY_CANCELED = "57014"  # a statement's time was up

RECORD_ERRORS = (DataError, CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation, UnicodeEncodeError)


def is_retryable(error: BaseException) -> bool:
    """Whether the same work may succeed later without a change."""
    if isinstance(error, PoolTimeout | PoolClosed | InterfaceError):
        return True
    if not isinstance(error, Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, OperationalError)
    return state[:2] in RETRYABLE_CLASSES or state in (LOCK_NOT_AVAILABLE, IDLE_IN_TRANSACTION, READ_ONLY_TRANSACTION)


def is_contended(error: Error) -> bool:
    """Whether a lock or a timeout stopped the statement, so that the server is free for other work."""
    state = error.sqlstate or ""
    return state[:2] == CONTENTION_CLASS or state in (LOCK_NOT_AVAILABLE, QUERY_CANCELED)


def is_about_records(error: BaseException) -> bool:
    """Whether a record's values caused the error, so that leaving the record out would help."""
    return isinstance(error, RECORD_ERRORS)


def safe_facts(error: BaseException) -> dict[str, str | None]:
    """What may be logged of an error: its type, SQLSTATE and constraint."""
    diag = error.diag if isinstance(error, Error) else None
    return {
        "error": type(error).__name__,
        "sqlstate": diag.sqlstate if diag else None,
        "constraint": diag.constraint_name if diag else None,
    }

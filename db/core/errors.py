"""PostgreSQL's errors as verdicts: what to try again, and what never will succeed.

Nothing of an exception's text leaves this module: it carries row values (`DETAIL: Failing row contains …`).
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
    """Whether the same work may succeed later without anybody's help."""
    if isinstance(error, PoolTimeout | PoolClosed | InterfaceError):
        return True
    if not isinstance(error, Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, OperationalError)
    return state[:2] in RETRYABLE_CLASSES or state in (LOCK_NOT_AVAILABLE, IDLE_IN_TRANSACTION, READ_ONLY_TRANSACTION)


def is_contended(error: Error) -> bool:
    """Whether others stood in this statement's way, or it took too long: the server is there, for other work at once."""
    state = error.sqlstate or ""
    return state[:2] == CONTENTION_CLASS or state in (LOCK_NOT_AVAILABLE, QUERY_CANCELED)


def is_about_records(error: BaseException) -> bool:
    """Whether some record's values caused it, so that leaving that record out would help."""
    return isinstance(error, RECORD_ERRORS)


def safe_facts(error: BaseException) -> dict[str, str | None]:
    """What may be logged of an error: its type, SQLSTATE and the constraint's name."""
    diag = error.diag if isinstance(error, Error) else None
    return {
        "error": type(error).__name__,
        "sqlstate": diag.sqlstate if diag else None,
        "constraint": diag.constraint_name if diag else None,
    }

"""Orders that do not add up, as API and console show them."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from psycopg import Connection

from app.http.paging import last_before_more, write_cursor
from db.catalogue.order_findings import FROM_THE_NEWEST, StoredFinding, list_findings
from schemas.answers.fields import utc
from schemas.answers.findings import OrderFinding, OrderFindings
from schemas.base.fields import BIGINT_MAX
from schemas.records.balance import smallest_unit


def read_findings(conn: Connection, store_id: UUID, cursor: list[str] | None, size: int) -> OrderFindings:
    """A page, the highest order first. Needs `tenant(conn, store_id)`."""
    before = (min(int(cursor[0]), BIGINT_MAX), int(cursor[1])) if cursor else FROM_THE_NEWEST
    found = list_findings(conn, store_id, before, size + 1)
    last = last_before_more(found, size)
    return OrderFindings(
        findings=[_answer(one) for one in found[:size]],
        next_cursor=write_cursor(str(last.external_id), str(last.position)) if last else None,
    )


def _answer(finding: StoredFinding) -> OrderFinding:
    return OrderFinding(
        order_id=str(finding.external_id),
        number=finding.number,
        kind=finding.kind,
        currency=finding.currency,
        stated=_figure(finding.stated, finding.currency),
        computed=_figure(finding.computed, finding.currency),
        difference=_figure(finding.difference, finding.currency),
        found_at=utc(finding.found_at),
    )


def _figure(amount: Decimal, currency: str | None) -> str:
    """With the decimals of the currency, and more only if the amount has them."""
    unit = smallest_unit(currency)
    exact = amount.quantize(unit) if amount == amount.quantize(unit) else amount.normalize()
    return f"{exact:f}"

"""Orders of a store that do not add up."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from app.console.sessions import current_store, store_page
from app.http.paging import read_query
from app.http.services import services
from app.usecases.order_findings import read_findings
from db.core.tenancy import tenant
from schemas.requests.lists import FindingsQuery

FINDINGS = FindingsQuery()
KINDS = {
    "order_imbalance": "The lines do not sum up to the total.",
    "refund_imbalance": "The refunds do not sum up to the refunded total.",
}


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/books", "books", show_books)


@store_page("read")
def show_books() -> str:
    store, asked = current_store(), read_query(FINDINGS, request.args)
    with services().pool.connection() as conn, tenant(conn, store.id):
        found = read_findings(conn, store.id, asked["cursor"], asked["limit"])
    return render_template(
        "console/books.html",
        page="books",
        findings=found.findings,
        more=found.next_cursor,
        is_first=asked["cursor"] is None,
        kinds=KINDS,
    )

"""DELETE /api/sync/customers/<id>: erases one person."""

from __future__ import annotations

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.errors import ApiError, not_found
from app.http.operation import Answer, Place
from app.http.serve import Reply, operation
from app.http.services import services
from db.core.tenancy import tenant
from db.stores.stores import get_store
from schemas.requests.pulls import BIGINT_MAX, WrongRequest, read_external_id
from workers.privacy.erasure import erase_customer

blueprint = Blueprint("customers", __name__)


@operation(
    blueprint,
    "delete",
    "/api/sync/customers/<wc_customer_id>",
    name="eraseCustomer",
    tag="Jobs",
    summary="Erase one person",
    about="Wherever their data is stored. 404 if unknown or already erased.",
    access=("admin",),
    audit="customer.erase",
    places={"wc_customer_id": Place(schema={"type": "integer", "minimum": 1, "maximum": BIGINT_MAX})},
    answers=(Answer(204, "Erased."),),
    errors=("VALIDATION_ERROR", "NOT_FOUND"),
)
def delete_customer(wc_customer_id: str) -> Reply:
    try:
        external_id = read_external_id({"id": wc_customer_id})
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None
    pool, store_id = services().pool, current_store_id()
    with pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    if store is None or not erase_customer(pool, store_id, external_id):
        raise not_found()
    return Reply(None, 204)

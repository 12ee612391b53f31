"""DELETE /api/sync/customers/<id>: erases one person, wherever they are kept."""

from __future__ import annotations

from flask import Blueprint

from app.http.auth import current_store_id, requires
from app.http.errors import ApiError, not_found
from app.http.services import services
from db.core.tenancy import tenant
from db.stores.stores import get_store
from schemas.requests.pulls import WrongRequest, read_external_id
from workers.privacy.erasure import erase_customer

blueprint = Blueprint("customers", __name__)


@blueprint.delete("/api/sync/customers/<wc_customer_id>")
@requires("admin")
def delete_customer(wc_customer_id: str) -> tuple[str, int]:
    """204 where something was known of them; 404 where nothing is, be it that it was erased before. A repeat does no harm."""
    try:
        external_id = read_external_id({"id": wc_customer_id})
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None
    pool, store_id = services().pool, current_store_id()
    with pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    if store is None or not erase_customer(pool, store_id, external_id):
        raise not_found()
    return "", 204

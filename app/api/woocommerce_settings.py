"""/api/v1/woocommerce/settings: what a store chooses for its shop: what becomes of discontinued products."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.operation import Answer, Body
from app.http.serve import operation
from app.http.services import services
from db.core.tenancy import tenant
from db.outbound.discontinued import get_policy, set_policy
from schemas.answers.outbound import DiscontinuedPolicy
from schemas.requests.outbound import DiscontinuedSchema

blueprint = Blueprint("woocommerce_settings", __name__, url_prefix="/api/v1/woocommerce/settings")


@operation(
    blueprint,
    "get",
    "/discontinued",
    name="getDiscontinuedPolicy",
    tag="WooCommerce",
    summary="Show what becomes of discontinued products",
    about="The default is `draft`.",
    access=("read",),
    answers=(Answer(200, "The policy.", DiscontinuedPolicy),),
)
def show_discontinued() -> DiscontinuedPolicy:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        return DiscontinuedPolicy(get_policy(conn, current_store_id()))


@operation(
    blueprint,
    "put",
    "/discontinued",
    name="putDiscontinuedPolicy",
    tag="WooCommerce",
    summary="Choose what becomes of discontinued products",
    about="`draft` hides the product, `trash` puts it in the trash, and `out_of_stock` shows it without selling it. Products"
    " that are discontinued already follow with the next full sync.",
    access=("admin",),
    audit="discontinued.set",
    body=Body(DiscontinuedSchema, {"policy": "draft"}),
    answers=(Answer(200, "The policy.", DiscontinuedPolicy),),
)
def put_discontinued(body: dict[str, Any]) -> DiscontinuedPolicy:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        set_policy(conn, current_store_id(), body["policy"])
    return DiscontinuedPolicy(body["policy"])

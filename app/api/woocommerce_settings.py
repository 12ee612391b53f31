"""/api/v1/woocommerce/settings: what a store chooses for its shop: what becomes of discontinued products, and
of those in its trash."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.operation import Answer, Body
from app.http.serve import operation
from app.http.services import services
from db.core.tenancy import tenant
from db.outbound.policies import get_policy, set_policy
from schemas.answers.outbound import DiscontinuedPolicy, TrashedPolicy
from schemas.requests.outbound import DiscontinuedSchema, TrashedSchema

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
        return DiscontinuedPolicy(get_policy(conn, current_store_id(), "discontinued"))


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
        set_policy(conn, current_store_id(), "discontinued", body["policy"])
    return DiscontinuedPolicy(body["policy"])


@operation(
    blueprint,
    "get",
    "/trashed",
    name="getTrashedPolicy",
    tag="WooCommerce",
    summary="Show what becomes of products in the shop's trash",
    about="The default is `hold`.",
    access=("read",),
    answers=(Answer(200, "The policy.", TrashedPolicy),),
)
def show_trashed() -> TrashedPolicy:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        return TrashedPolicy(get_policy(conn, current_store_id(), "trashed"))


@operation(
    blueprint,
    "put",
    "/trashed",
    name="putTrashedPolicy",
    tag="WooCommerce",
    summary="Choose what becomes of products in the shop's trash",
    about="When the ERP states a product that somebody put into the trash, `hold` leaves it there and fails the item, `restore`"
    " publishes it, and `recreate` deletes it for good and creates it anew, under another id and without its reviews.",
    access=("admin",),
    audit="trashed.set",
    body=Body(TrashedSchema, {"policy": "restore"}),
    answers=(Answer(200, "The policy.", TrashedPolicy),),
)
def put_trashed(body: dict[str, Any]) -> TrashedPolicy:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        set_policy(conn, current_store_id(), "trashed", body["policy"])
    return TrashedPolicy(body["policy"])

"""/api/v1/erp: takes the ERP's catalogue, a batch at a time, and products that it discontinues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from flask import Blueprint, g, url_for
from marshmallow import Schema

from app.api.woocommerce import POLL_AFTER_SECONDS, POLLED, PRODUCT_ID
from app.audit.notes import note
from app.http.auth import check_scopes, current_store_id
from app.http.errors import ApiError, not_found
from app.http.operation import Answer, Batch, Link, Operation, Parse
from app.http.serve import Reply, operation, operations
from app.http.services import services
from app.openapi.record_examples import ERP_RECORDS
from app.usecases.outbound_answers import intake_answer
from app.usecases.outbound_requests import read_uuid
from db.core.tenancy import tenant
from db.outbound.items import Origin
from schemas.answers.outbound import Intake, ItemReceipt
from schemas.base.json_bounds import TooMuch
from schemas.base.json_records import NoRecords, Records, read_records
from schemas.base.strict_json import NotJson
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from schemas.requests.lists import CatalogueQuery
from workers.outbound.intake.catalogue import take_categories, take_products
from workers.outbound.intake.discontinue import discontinue_products
from workers.outbound.runs import say_yes_beforehand

blueprint = Blueprint("erp", __name__)


def _parser(entity: str) -> Parse:
    return partial(_read, entity)


def _read(entity: str, body: bytes) -> Records:
    with _refusals():
        try:
            return read_records(body, entity, services().settings.max_batch_records)
        except NoRecords:
            raise ApiError("VALIDATION_ERROR", f"{entity} must be an array") from None


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotJson as error:
        raise ApiError("INVALID_JSON", f"{error}") from None
    except TooMuch as error:
        raise ApiError("PAYLOAD_TOO_LARGE", f"{error}") from None


def _put(entity: str, record: type[Schema]) -> Operation:
    return Operation(
        name=f"putErp{entity.capitalize()}",
        method="put",
        path=f"/api/v1/erp/{entity}",
        tag="ERP",
        summary=f"Bring the ERP's {entity}",
        about="One transaction, committed before the answer. Each product is compared with the shop's, and what differs is"
        " sent, also if the batch repeats an earlier one. A record that does not fit its schema is skipped, and listed in"
        " `errors`. With `adopt=true`, which needs the scope `admin`, products that the shop has already do not wait for the"
        " takeover to be approved.",
        access=("erp",),
        audit="erp.write",
        query=CatalogueQuery,
        body=Batch(entity, record, ERP_RECORDS[entity], _parser, is_plugin=False),
        brings_data=True,
        answers=(Answer(200, "Where each record went.", Intake),),
    )


@operations(
    blueprint,
    "/api/v1/erp/<any(products,categories):entity>",
    _put("products", ErpProductSchema),
    _put("categories", ErpCategorySchema),
)
def put_catalogue(entity: str, body: Records, query: dict[str, Any]) -> Intake:
    if query["adopt"]:
        check_scopes(g.caller, ("admin",))
    take = take_products if entity == "products" else take_categories
    store_id = current_store_id()
    # Each record is parsed as it is validated; where one is not JSON, nothing of the batch is stored.
    with _refusals(), services().pool.connection() as conn, tenant(conn, store_id):
        if query["adopt"]:
            say_yes_beforehand(conn, store_id)
        intake = take(conn, store_id, body, Origin({"source": "erp"}))
    note(records=intake.received)
    if query["adopt"]:
        note(adopt=True)
    if intake.items:
        services().wake_up.push(store_id)
    return intake_answer(intake)


@operation(
    blueprint,
    "delete",
    "/api/v1/erp/products/<product_id>",
    name="deleteErpProduct",
    tag="ERP",
    summary="Discontinue a product",
    about="The shop's product is taken off sale by the store's policy, unless too many are discontinued within an hour:"
    " those are held. It comes back when the ERP brings it again. 404 for a product that the ERP never brought.",
    access=("erp",),
    audit="erp.discontinue",
    places={"product_id": PRODUCT_ID},
    answers=(
        Answer(
            202,
            "On its way. Poll `statusUrl`.",
            ItemReceipt,
            headers=POLLED,
            links=(Link("getSyncItem", {"itemId": "$response.body#/data/syncItemId"}),),
        ),
    ),
    errors=("VALIDATION_ERROR", "NOT_FOUND"),
)
def delete_product(product_id: str) -> Reply:
    product, store_id = read_uuid("productId", product_id), current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        items = discontinue_products(conn, store_id, [product], Origin({"source": "erp"}))
    if not items:
        raise not_found()
    services().wake_up.push(store_id)
    url = url_for("woocommerce_views.show_item", item_id=items[0])
    receipt = ItemReceipt(items[0], product, "product", "pending", url, POLL_AFTER_SECONDS)
    return Reply(receipt, 202, {"Location": url, "Retry-After": str(POLL_AFTER_SECONDS)})

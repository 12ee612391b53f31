"""The ERP's catalogue and its events (specification 3)."""

from __future__ import annotations

from typing import Any

from app.openapi.operation import BODY, CALLER, SERVER, Answer, Batch, Body, Operation
from app.openapi.operations.woocommerce_examples import ERP_CATEGORY, ERP_PRODUCT, INTAKE, PRODUCT
from schemas.answers import outbound as shapes
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from schemas.requests.outbound import EventsSchema


def _intake(name: str, record: Any, example: dict[str, Any]) -> Operation:
    return Operation(
        name=f"putErp{name.capitalize()}",
        method="put",
        path=f"/api/v1/erp/{name}",
        tag="ERP",
        summary=f"Bring the ERP's {name}",
        about="One transaction, committed before the answer; what changed is on its way to the shop. The same batch again"
        " changes nothing. A record that does not fit its schema is skipped, and listed in `errors`.",
        body=Batch(name, record, example, is_plugin=False),
        answers=(Answer(200, "Where each record went.", shapes.IntakeSchema, INTAKE),),
        errors=(*BODY, *CALLER, *SERVER),
    )


OPERATIONS = (
    Operation(
        name="postEvents",
        method="post",
        path="/api/v1/woocommerce/events",
        tag="ERP",
        summary="Tell of changes in the ERP",
        about="What the ERP publishes over Redis, over HTTP: stock, price, product, category and image events. Bad ones are"
        " listed, and the others taken.",
        body=Body(EventsSchema, {"events": [{"event": "pricing.price_changed", "productId": PRODUCT}]}),
        answers=(
            Answer(
                202,
                "Taken.",
                shapes.EventsAnswerSchema,
                {"receivedCount": 1, "acceptedCount": 1, "refused": []},
            ),
        ),
        errors=(*BODY, *CALLER, *SERVER),
    ),
    _intake("products", ErpProductSchema, ERP_PRODUCT),
    _intake("categories", ErpCategorySchema, ERP_CATEGORY),
)

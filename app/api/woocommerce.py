"""/api/v1/woocommerce: syncs to the shop, dry runs, retries, and approval of what is held (specification 3).

A sync is accepted with 202 and polled, or waited for with `Prefer: wait=N`; `?dry_run=true` answers what it would change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from psycopg import Connection

from app.audit.notes import note
from app.http.auth import current_store_id
from app.http.errors import ApiError, not_found
from app.http.operation import Answer, Body, Link, Place
from app.http.paging import last_before_more
from app.http.prefer import wait_until_ended, wanted_wait
from app.http.serve import Reply, View, operation
from app.http.services import services
from app.usecases.outbound_answers import previews_answer, sync_result
from app.usecases.outbound_requests import ask_shop, read_uuid
from db.core.tenancy import tenant
from db.outbound.erp_products import page_products
from db.outbound.item_views import ItemView, get_item, list_failed_items
from schemas.answers import outbound as answers
from schemas.answers.fields import AnswerData
from schemas.requests.lists import DryRunPageQuery, DryRunQuery, SendOneQuery
from schemas.requests.outbound import RunSchema
from workers.outbound.planning.preview import Preview, preview_categories, preview_products
from workers.outbound.runs import Run, approve, reject, retry_failed, start_categories, start_full, start_one

blueprint = Blueprint("woocommerce", __name__, url_prefix="/api/v1/woocommerce")

POLL_AFTER_SECONDS = 1
ENDED = ("completed", "failed", "superseded", "needs_approval")
POLLED = ("Location", "Retry-After")
PRODUCT_ID = Place("the ERP's id of the product", schema={"type": "string", "format": "uuid"})
BATCH_ID = Place("`batchId` of a run or a hold")
A_PAGE = {"lookedAt": 2, "nextCursor": None}


@operation(
    blueprint,
    "post",
    "/sync/<any(product,stock,price):sync_type>/<product_id>",
    name="syncProduct",
    tag="WooCommerce",
    summary="Send one product whole, its stock or its price",
    about="What differs in the shop is sent; with `force=true` all that the ERP states. Polled, or waited for with"
    " `Prefer: wait=N`. With `dry_run=true` the shop is read and nothing is written; 409 where the shop is not connected.",
    access=("erp",),
    audit="outbound.sync",
    places={"product_id": PRODUCT_ID},
    query=SendOneQuery,
    headers=("Prefer",),
    answers=(
        Answer(
            202,
            "On its way. Poll `statusUrl`.",
            answers.ItemReceipt,
            headers=POLLED,
            links=(Link("getSyncItem", {"itemId": "$response.body#/data/syncItemId"}),),
        ),
        Answer(
            200,
            "The differences (`dry_run=true`), or the result where it was waited for.",
            answers.SyncResult,
            or_else=answers.Previews,
            may_have=("Preference-Applied",),
        ),
    ),
    errors=("VALIDATION_ERROR", "NOT_FOUND", "CONFLICT", "PLATFORM_FAILED"),
)
def sync_product(sync_type: str, product_id: str, query: dict[str, Any]) -> AnswerData | Reply:
    product, store_id = read_uuid("productId", product_id), current_store_id()
    if query["dry_run"]:
        note(dry_run=True)
        found = _preview_products([product], sync_type)
        if not found:
            raise not_found()
        return previews_answer(found)
    with services().pool.connection() as conn, tenant(conn, store_id):
        item_id = start_one(conn, store_id, product, sync_type, "request", force=query["force"])
    if item_id is None:
        raise not_found()
    services().wake_up.push(store_id)
    seconds = wanted_wait(request)
    ended = wait_until_ended(lambda: _ended_item(store_id, item_id), seconds)
    if ended is not None:
        # 200 for a failed sync, too: the client asked to know the result.
        return Reply(sync_result(ended), headers={"Preference-Applied": f"wait={seconds:g}"})
    url = url_for("woocommerce_views.show_item", item_id=item_id)
    return _accepted(answers.ItemReceipt(item_id, product, sync_type, "pending", url, POLL_AFTER_SECONDS), url)


def _ended_item(store_id: UUID, item_id: UUID) -> ItemView | None:
    with services().pool.connection() as conn, tenant(conn, store_id):
        item = get_item(conn, store_id, item_id)
    return item if item is not None and item.status in ENDED else None


def _run(name: str, rule: str, query: type[DryRunQuery], preview: dict[str, Any]) -> Callable[[View], View]:
    return operation(
        blueprint,
        "post",
        rule,
        name=f"syncAll{name}",
        tag="WooCommerce",
        summary=f"Send all {name.lower()}",
        about=f"{name} are compared with the ERP's, and sent where they differ; with `force` in any case.",
        access=("admin",),
        audit="outbound.sync",
        query=query,
        body=Body(RunSchema, {"force": False}, required=False),
        answers=(
            Answer(
                202,
                "On its way. Poll `statusUrl`.",
                answers.RunReceipt,
                headers=POLLED,
                links=(Link("getSyncBatch", {"batchId": "$response.body#/data/batchId"}),),
            ),
            Answer(200, "The differences (`dry_run=true`).", answers.Previews, example=preview),
        ),
        errors=("CONFLICT", "PLATFORM_FAILED"),
    )


@_run("Products", "/sync/all", DryRunPageQuery, A_PAGE)
def sync_all(body: dict[str, Any], query: dict[str, Any]) -> AnswerData | Reply:
    store_id = current_store_id()
    if query["dry_run"]:
        note(dry_run=True)
        return _preview_page(query["limit"], query["cursor"])
    with services().pool.connection() as conn, tenant(conn, store_id):
        run = start_full(conn, store_id, "request", force=body["force"])
    return _run_accepted(run)


@_run("Categories", "/sync/categories", DryRunQuery, {})
def sync_categories(body: dict[str, Any], query: dict[str, Any]) -> AnswerData | Reply:
    store_id = current_store_id()
    if query["dry_run"]:
        note(dry_run=True)
        settings, pool = services().settings, services().pool
        return previews_answer(ask_shop(lambda: preview_categories(settings, pool, store_id)))
    with services().pool.connection() as conn, tenant(conn, store_id):
        run = start_categories(conn, store_id, "request", force=body["force"])
    return _run_accepted(run)


def _run_accepted(run: Run) -> Reply:
    if run.items:
        services().wake_up.push(current_store_id())
    url = url_for("woocommerce_views.show_batch", batch_id=run.batch_id)
    status = "syncing" if run.items else "completed"
    return _accepted(answers.RunReceipt(run.batch_id, run.items, status, url, POLL_AFTER_SECONDS), url)


def _accepted(data: AnswerData, url: str) -> Reply:
    return Reply(data, 202, {"Location": url, "Retry-After": str(POLL_AFTER_SECONDS)})


@operation(
    blueprint,
    "post",
    "/sync/retry",
    name="retryFailedItems",
    tag="WooCommerce",
    summary="Try all failed items again",
    about="Permanent failures too: a person may have corrected the cause. With `dry_run=true` the differences"
    " of a page of them: the shop is read and nothing is written; 409 where the shop is not connected.",
    access=("admin",),
    audit="outbound.retry",
    query=DryRunPageQuery,
    answers=(Answer(200, "How many.", answers.Retried, or_else=answers.Previews),),
    errors=("CONFLICT", "PLATFORM_FAILED"),
)
def sync_retry(query: dict[str, Any]) -> AnswerData:
    store_id = current_store_id()
    if query["dry_run"]:
        note(dry_run=True)
        return _preview_failed(query["limit"], query["cursor"])
    with services().pool.connection() as conn, tenant(conn, store_id):
        retried = retry_failed(conn, store_id, everything=True)
    services().wake_up.push(store_id)
    return answers.Retried(retried)


def _decision(name: str, verb: str, summary: str, about: str, answer: Answer) -> Callable[[View], View]:
    return operation(
        blueprint,
        "post",
        f"/sync/batches/<uuid:batch_id>/{verb}",
        name=name,
        tag="WooCommerce",
        summary=summary,
        about=about,
        access=("admin",),
        audit=f"hold.{verb}",
        places={"batch_id": BATCH_ID},
        answers=(answer,),
        errors=("CONFLICT",),
    )


@_decision(
    "approveSyncBatch",
    "approve",
    "Let a held run go on",
    "409 where nothing is held under this id any more.",
    Answer(200, "What was let go.", answers.Approved),
)
def approve_batch(batch_id: UUID) -> answers.Approved:
    approved = _decide(approve, batch_id)
    services().wake_up.push(current_store_id())
    return answers.Approved(batch_id, approved)


@_decision(
    "rejectSyncBatch",
    "reject",
    "Give up what is held",
    "The shop keeps what it has. 409 where nothing is held under this id any more.",
    Answer(200, "What was given up.", answers.Rejected),
)
def reject_batch(batch_id: UUID) -> answers.Rejected:
    return answers.Rejected(batch_id, _decide(reject, batch_id))


def _decide(decision: Callable[[Connection, UUID, UUID], int | None], batch_id: UUID) -> int:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        items = decision(conn, store_id, batch_id)
    if items is None:
        raise ApiError("CONFLICT", "nothing under this id waits for approval")
    return items


def _preview_page(size: int, after: UUID | None) -> answers.Previews:
    # Each page is read from the shop while the client waits, so a dry run of all products goes page by page.
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        ids = page_products(conn, store_id, after, size + 1)
    found = _preview_products(ids[:size], "product")
    changed = [one for one in found if one.action != "none"]
    return previews_answer(changed, looked_at=len(found), next_cursor=last_before_more(ids, size))


def _preview_failed(size: int, before: UUID | None) -> answers.Previews:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        failed = list_failed_items(conn, store_id, size + 1, before)
    ids = sorted({item.product_id for item in failed[:size] if item.product_id})
    found = _preview_products(ids, "product") if ids else []
    last = last_before_more(failed, size)
    return previews_answer(found, looked_at=len(found), next_cursor=last.id if last else None)


def _preview_products(product_ids: list[UUID], sync_type: str) -> list[Preview]:
    settings, pool = services().settings, services().pool
    return ask_shop(lambda: preview_products(settings, pool, current_store_id(), product_ids, sync_type))

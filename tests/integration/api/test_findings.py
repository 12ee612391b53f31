"""Orders that do not add up, in the API, the console and the metrics."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.testing import FlaskClient

from app.usecases.stores import CreatedStore
from tests.support.factories import make_item, make_order
from tests.support.pipeline import bearer, sync
from workers.core.runtime import Runtime

FINDINGS = "/api/sync/findings"


def wrong_order(key: int, total: str, **fields: Any) -> dict[str, Any]:
    stated = {
        "amounts_include_tax": False,
        "discount_total": None,
        "tax_total": 0,
        "shipping_total": 0,
        "refunded_total": 25,
    }
    return make_order(**{**stated, "wc_order_id": key, "total": total, "items": [make_item(total="10.00")], **fields})


def read(client: FlaskClient, store: CreatedStore, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{FINDINGS}{query}", headers=bearer(store.token))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = (answer.json or {})["data"]
    return found


def test_findings_show_both_sides(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    sync(runtime, store.store_id, "orders", [wrong_order(7, "11.5", refunded_total="24.99"), wrong_order(8, "10")])
    found = read(client, store)
    kinds = [
        (one["orderId"], one["kind"], one["stated"], one["computed"], one["difference"]) for one in found["findings"]
    ]
    assert kinds == [
        ("7", "refund_imbalance", "24.99", "25.00", "-0.01"),
        ("7", "order_imbalance", "11.50", "10.00", "1.50"),
    ]
    assert found["nextCursor"] is None and found["findings"][0]["number"] == "A-1001"


def test_findings_are_paged_by_falling_order(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    keys = [5_764_614_130_000_000_000 + number for number in range(5)]
    sync(runtime, store.store_id, "orders", [wrong_order(key, "12") for key in keys])
    seen: list[str] = []
    query = "?limit=2"
    while query:
        page = read(client, store, query)
        seen += [one["orderId"] for one in page["findings"]]
        query = f"?limit=2&cursor={page['nextCursor']}" if page["nextCursor"] else ""
    assert seen == [str(key) for key in reversed(keys)]


def test_findings_of_another_store_are_not_shown(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, other_store: CreatedStore
) -> None:
    sync(runtime, store.store_id, "orders", [wrong_order(7, "12")])
    assert read(client, other_store)["findings"] == []


def test_a_foreign_cursor_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    assert client.get(f"{FINDINGS}?cursor=x", headers=bearer(store.token)).status_code == 400
    assert read(client, store, "?cursor=9999999999999999999.0")["findings"] == []


def test_findings_are_counted(client: FlaskClient, runtime: Runtime, store_id: UUID) -> None:
    sync(runtime, store_id, "orders", [wrong_order(7, "12")])
    lines = client.get("/metrics").text.splitlines()
    (count,) = [
        float(line.split()[-1]) for line in lines if line.startswith('sluice_order_findings{kind="order_imbalance"}')
    ]
    assert count >= 1

"""`erp` and `woo`: an import of an ERP's file, and the outbound side of a store."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.takeover import get_takeover
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, push, put_products, statuses
from workers.core.runtime import Runtime
from workers.outbound.sending.push_store import PushOutcome

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


@pytest.fixture
def woo(command_line: Command, store_id: UUID) -> Callable[..., tuple[int, Any]]:
    """`woo … --json` on the store: exit code and answer."""

    def run(*words: str) -> tuple[int, Any]:
        code, shown = command_line("woo", *words, "--store", str(store_id), "--json")
        return code, json.loads(shown.splitlines()[-1]) if code == 0 else shown

    return run


def csv_of(folder: Path, products: list[dict[str, Any]]) -> str:
    path = folder / "products.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted(products[0]))
        writer.writeheader()
        writer.writerows(products)
    return str(path)


def ndjson_of(folder: Path, records: list[Any]) -> str:
    path = folder / "records.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def imported(command_line: Command, store_id: UUID, *words: str) -> tuple[int, Any]:
    code, shown = command_line("erp", "import", *words, "--store", str(store_id), "--json")
    return code, json.loads(shown.splitlines()[-1])


@pytest.mark.parametrize("write", [csv_of, ndjson_of])
def test_import_of_the_same_file_only_compares(
    command_line: Command, store_id: UUID, tmp_path: Path, write: Callable[[Path, list[dict[str, Any]]], str]
) -> None:
    path = write(tmp_path, [make_erp_product() for _ in range(3)])
    code, told = imported(command_line, store_id, path)
    assert (code, told["received"], told["inserted"], told["refused"]) == (0, 3, 3, 0)
    code, told = imported(command_line, store_id, path)
    assert (code, told["unchanged"], told["items"]) == (0, 3, 3)  # each is compared with the shop


@pytest.mark.parametrize(("option", "decision"), [((), None), (("--adopt",), "beforehand")])
def test_import_says_yes_to_the_takeover_if_told(
    command_line: Command,
    conn: Connection,
    store_id: UUID,
    tmp_path: Path,
    option: tuple[str, ...],
    decision: str | None,
) -> None:
    path = ndjson_of(tmp_path, [make_erp_product()])
    assert imported(command_line, store_id, path, *option)[0] == 0
    with tenant(conn, store_id):
        assert get_takeover(conn, store_id) == decision


def test_import_skips_and_reports_a_bad_record(command_line: Command, store_id: UUID, tmp_path: Path) -> None:
    path = ndjson_of(tmp_path, [make_erp_product(), make_erp_product(sku=""), make_erp_product()])
    code, told = imported(command_line, store_id, path)
    assert (code, told["inserted"], told["refused"]) == (1, 2, 1)
    assert [(error["record"], error["field"]) for error in told["errors"]] == [(2, "sku")]
    code, shown = command_line("erp", "import", path, "--store", str(store_id))
    assert (code, "record 2: sku" in shown) == (1, True)


def test_import_takes_categories(command_line: Command, store_id: UUID, tmp_path: Path) -> None:
    path = ndjson_of(tmp_path, [{"category_id": str(uuid4()), "name": "Widgets"}])
    code, told = imported(command_line, store_id, "--categories", path)
    assert (code, told["inserted"]) == (0, 1)


def test_unreadable_file_is_refused_in_one_line(command_line: Command, store_id: UUID, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ndjson"
    broken.write_text("{", encoding="utf-8")
    for words in ((str(broken),), (str(tmp_path / "nothing.csv"),)):
        code, shown = command_line("erp", "import", *words, "--store", str(store_id))
        assert (code, len(shown.splitlines())) == (1, 1)
    code, shown = command_line("erp", "import", str(broken), "--store", str(uuid4()))
    assert (code, "there is no store" in shown) == (3, True)


def test_sync_status_and_mappings_agree(
    woo: Callable[..., tuple[int, Any]], command_line: Command, pushing: Runtime, root_conn: Connection, store_id: UUID
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product, make_erp_product()])
    assert push(pushing, store_id) is PushOutcome.DRAINED
    code, stats = woo("status")
    assert (code, stats["products"], stats["queueDepth"]) == (0, 2, 0)
    code, mappings = woo("mappings")
    assert (code, {one["sku"] for one in mappings} >= {product["sku"]}) == (0, True)
    assert woo("mappings", "--out-of-sync") == (0, [])
    code, run = woo("sync", "--force")
    assert (code, run["items"]) == (0, "2")
    code, one = woo("sync", "--product", product["product_id"], "--type", "price")
    assert code == 0 and UUID(one["syncItemId"])
    assert woo("sync", "--categories")[0] == 0
    assert push(pushing, store_id) is PushOutcome.DRAINED
    assert set(statuses(root_conn, store_id)) <= {"completed", "superseded"}
    code, shown = command_line("woo", "status", "--store", str(store_id))
    assert (code, "2 products, 0 of them" in shown) == (0, True)
    assert command_line("woo", "mappings", "--store", str(store_id))[0] == 0


def test_retry_sends_failed_items_again(
    woo: Callable[..., tuple[int, Any]], pushing: Runtime, root_conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    root_conn.execute(
        "UPDATE wc_sync_items SET status = 'failed', error_code = 'X', retryable = true WHERE store_id = %s",
        (store_id,),
    )
    assert woo("retry") == (0, {"retryCount": 1})
    assert push(pushing, store_id) is PushOutcome.DRAINED
    assert statuses(root_conn, store_id) == {"completed": 1}


def test_brakes_are_set_and_unknown_ids_refused(woo: Callable[..., tuple[int, Any]], store_id: UUID) -> None:
    assert woo("brakes", "--price-share", "0.5") == (0, {"enabled": True, "price_share": 0.5})
    assert woo("brakes", "--off") == (0, {"enabled": False})
    assert woo("pace", "--calls", "2") == (0, {"callsAtOnce": 2})
    assert woo("approve", str(uuid4()))[0] == woo("reject", str(uuid4()))[0] == 3
    assert woo("sync", "--product", str(uuid4()))[0] == 3


def test_products_are_discontinued_by_the_chosen_policy(
    woo: Callable[..., tuple[int, Any]],
    command_line: Command,
    store_id: UUID,
    shop: FakeWooCommerce,
    pushing: Runtime,
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert woo("discontinued", "--policy", "trash") == (0, {"policy": "trash"})
    code, shown = command_line("erp", "discontinue", product["product_id"], "--store", str(store_id), "--json")
    assert (code, json.loads(shown.splitlines()[-1])) == (0, {"items": 1})
    push(pushing, store_id)
    assert [one["status"] for one in shop.state.products.values()] == ["trash"]
    assert command_line("erp", "discontinue", str(uuid4()), "--store", str(store_id))[0] == 3


def test_status_shows_a_hold_behind_newer_runs(
    woo: Callable[..., tuple[int, Any]], command_line: Command, root_conn: Connection, store_id: UUID
) -> None:
    insert = """INSERT INTO wc_sync_batches (store_id, id, kind, status, created_at)
                SELECT %s, gen_random_uuid(), %s, %s, now() - make_interval(days => %s) FROM generate_series(1, %s)"""
    root_conn.execute(insert, (store_id, "hold", "needs_approval", 2, 1))
    root_conn.execute(insert, (store_id, "full", "completed", 1, 6))
    _, status = woo("status")
    assert len(status["batches"]) == 5 and status["hold"]["status"] == "needs_approval"
    _, shown = command_line("woo", "status", "--store", str(store_id))
    assert status["hold"]["batchId"] in shown.replace("\n", "")


def test_status_shows_what_a_takeover_would_change(
    command_line: Command, pushing: Runtime, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    shop.add_product(sku=product["sku"], name="By [hand]", regular_price="19.90")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    code, shown = command_line("woo", "status", "--store", str(store_id))
    assert code == 0 and "why: takeover" in shown and "name: 1 products differ" in shown
    assert f"{product['sku']}: 'By [hand]' in the shop, 'Blue Widget' in the ERP" in shown


def test_drift_is_listed_and_its_policy_set(
    woo: Callable[..., tuple[int, Any]], pushing: Runtime, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    code, told = woo("drift-policy", "--every", "15", "--price", "report")
    assert (code, told["everyMinutes"], told["price"], told["stock"]) == (0, 15, "report", "report")
    assert woo("drift-policy", "--stock", "hold")[1]["price"] == "report"
    found = shop.product_of(product["sku"])
    assert found is not None
    with shop.state.lock:
        shop.state.products[found["id"]] = found | {"regular_price": "21"}
    assert woo("check-drift", "--whole")[0] == 0
    push(pushing, store_id)
    code, told = woo("drift")
    [one] = told["products"]
    assert (one["sku"], [field["field"] for field in one["differences"]]) == (product["sku"], ["regular_price"])

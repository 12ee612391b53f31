"""The fake shop itself: started as a process, its faults one at a time, and dates that change with every write."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.fakes.woocommerce.faults import Faults
from workers.platforms.common.http import Clock
from workers.platforms.woocommerce.client import open_client


def test_fake_starts_by_command_and_stops_by_signal() -> None:
    command = [sys.executable, "-m", "tests.fakes.woocommerce", "--products", "3", "--orders", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        client = open_client(told["url"], told["credentials"], Clock(), allow_http=True)
        listing = client.get_orders({"per_page": 1})
        found = client.find_products_by_sku(["SKU-00001", "SKU-00003", "SKU-00004"])
        client.close()
        process.send_signal(signal.SIGTERM)
    assert (listing.total, sorted(found), process.returncode) == (2, ["SKU-00001", "SKU-00003"], 0)


def test_faults_apply_to_matching_calls() -> None:
    faults = Faults()
    faults.add(Fault("drop", "^PUT", skip=1, times=2))
    faults.add(Fault("crash", "batch", times=None))
    calls = ["GET /products", "PUT /products/1", "PUT /products/2", "PUT /products/3", "PUT /products/4"]
    assert [fault and fault.kind for fault in map(faults.meet, calls)] == [None, None, "drop", "drop", None]
    assert [fault and fault.kind for fault in map(faults.meet, ["POST /products/batch"] * 3)] == ["crash"] * 3
    with pytest.raises(ValueError, match="earthquake"):
        Fault("earthquake")


def test_only_writes_change_the_modified_date() -> None:
    now = [1_795_000_000.0]
    with FakeWooCommerce(clock=lambda: now[0]) as shop:
        client = open_client(shop.url, shop.credentials, Clock(unix=lambda: now[0]), allow_http=True)
        made = client.create_product({"name": "Can", "regular_price": "1"})
        dates = Counter([made["date_modified_gmt"]])
        for payload in ({"regular_price": "1"}, {"stock_quantity": 3}, {"name": "Can"}):
            now[0] += 60
            client.update_product(made["id"], payload)
            dates[client.get_product(made["id"])["date_modified_gmt"]] += 1
            now[0] += 60
            dates[client.get_product(made["id"])["date_modified_gmt"]] += 1
        client.close()
    assert sorted(dates.values()) == [1, 2, 2, 2]

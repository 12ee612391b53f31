"""A shop over https whose host drops the Authorization header: found out once, and remembered for the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fakes.common.tls import contexts
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import connect_shop, make_erp_product, push, put_products, statuses, with_key
from workers.core.runtime import Runtime
from workers.platforms.common import address

SETTINGS = "SELECT settings ->> 'key_in_query' FROM stores WHERE id = %s"


@pytest.fixture
def tls_shop(
    conn: Connection, root_conn: Connection, store_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeWooCommerce]:
    server, trusting = contexts(tmp_path)
    monkeypatch.setattr(address, "_ssl_context", lambda: trusting)
    with FakeWooCommerce(tls=server) as shop:
        connect_shop(conn, root_conn, store_id, shop)
        yield shop


@pytest.fixture
def local(runtime: Runtime, tls_shop: FakeWooCommerce) -> Runtime:
    """A runtime whose settings let it call this machine over https."""
    ready, port = with_key(runtime), int(tls_shop.url.rpartition(":")[2])
    nets = (ip_network("127.0.0.1/32"),)
    return replace(
        ready, settings=replace(ready.settings, allowed_shop_networks=nets, allowed_shop_ports=frozenset({port}))
    )


def test_the_way_around_is_remembered_for_the_store(
    local: Runtime, tls_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID, capfd: pytest.CaptureFixture[str]
) -> None:
    tls_shop.configure(strips_authorization=True)
    put_products(local, store_id, [make_erp_product()])
    push(local, store_id)
    assert (statuses(root_conn, store_id), tls_shop.calls) == (
        {"completed": 1},
        {"GET /products": 2, "POST /products/batch": 1},
    )
    assert root_conn.execute(SETTINGS, (store_id,)).fetchone() == ("true",)
    put_products(local, store_id, [make_erp_product()])
    push(local, store_id)
    assert (statuses(root_conn, store_id), tls_shop.calls) == (
        {"completed": 2},
        {"GET /products": 3, "POST /products/batch": 2},
    )
    told = capfd.readouterr()
    assert not any(secret in told.out + told.err for secret in tls_shop.credentials.values())


def test_a_refused_key_is_not_remembered(
    local: Runtime, tls_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    tls_shop.state.keys.clear()
    put_products(local, store_id, [make_erp_product()])
    push(local, store_id)
    query = "SELECT error_code, error_message FROM wc_sync_items WHERE store_id = %s"
    [(code, message)] = root_conn.execute(query, (store_id,)).fetchall()
    assert code == "SHOP_REFUSED_KEY" and "revoked" in message and "Authorization" in message
    assert root_conn.execute(SETTINGS, (store_id,)).fetchone() == (None,)

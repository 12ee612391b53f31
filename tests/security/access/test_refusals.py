"""Who is refused by each operation of the contract: the expected answer follows from what its view declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.test import TestResponse

from app.http.auth import token_sha256
from app.http.operation import Operation
from app.http.scopes import PRESETS, SCOPES, grant_of
from app.settings.environment import Settings
from app.usecases.stores import Origin, add_token, create_operator, create_store
from db.core.tenancy import tenant
from db.outbound.mappings import ProductLook, save_looks
from schemas.platforms.registry import PLATFORMS
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.contract import OPERATIONS
from tests.support.factories import make_customer
from tests.support.outbound import make_erp_product, make_look, put_products
from tests.support.pipeline import bearer, sync
from tests.unit.app.openapi.test_contract import SOME_ID, paths_of
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted, start_pull

STORE, OPERATOR, METRICS, NOBODY = "store", "operator", "metrics", "nobody"
ENDED = ("expires_at", "revoked_at")  # the columns of a token's end
HAS: dict[str, tuple[str, ...]] = {**PRESETS, **{f"{scope} alone": (scope,) for scope in SCOPES}}
CALLS = count()
METRICS_TOKEN = "a token for metrics that is long enough"


@dataclass(frozen=True)
class Caller:
    """A token, whose it is, and what it may do; `headers` empty: no token."""

    kind: str
    headers: Mapping[str, str]
    scopes: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def app(settings: Settings, database: Database, servers: Servers) -> Iterator[Flask]:
    """With METRICS_TOKEN: without it, every program on this machine may read the metrics."""
    with application(replace(settings, metrics_token=METRICS_TOKEN), database.url, servers.redis.url) as made:
        yield made


@pytest.fixture(scope="module")
def callers(conn: Connection, owner_conn: Connection, root_conn: Connection) -> dict[str, dict[str, Caller]]:
    """Each kind of caller, for a store of each platform. Their ended tokens had every scope."""
    operator = create_operator(owner_conn, Origin("test"))
    found: dict[str, dict[str, Caller]] = {}
    for platform in PLATFORMS:
        store_id = create_store(conn, "Guarded shop", platform).store_id
        ended = {name: token_of(conn, store_id, *SCOPES) for name in ENDED}
        for column, token in ended.items():
            query = f"UPDATE api_tokens SET {column} = now() - interval '1 second' WHERE token_sha256 = %s"
            root_conn.execute(query.encode(), (token_sha256(token),))
        tokens = {name: token_of(conn, store_id, *scopes) for name, scopes in HAS.items()}
        found[platform] = {
            **{name: Caller(STORE, bearer(token), HAS[name]) for name, token in tokens.items()},
            **{name: Caller(NOBODY, bearer(token)) for name, token in ended.items()},
            "operator": Caller(OPERATOR, bearer(operator)),
            "metrics": Caller(METRICS, bearer(METRICS_TOKEN)),
            "unknown token": Caller(NOBODY, bearer("slc_unknown")),
            "no token": Caller(NOBODY, {}),
        }
    return found


def token_of(conn: Connection, store_id: UUID, *scopes: str) -> str:
    token = add_token(conn, store_id, grant_of("", scopes), Origin("test"))
    assert token is not None
    return token


def refusal_of(operation: Operation, caller: Caller) -> int | None:
    """The status of the refusal that the declaration asks for; None where the caller is let in."""
    if operation.access is None:
        return None
    if operation.access == "metrics":
        return None if caller.kind == METRICS else 401
    if caller.kind in (NOBODY, METRICS):
        return 401
    return None if caller.kind == STORE and set(operation.access) & set(caller.scopes) else 403


def call(client: FlaskClient, operation: Operation, path: str, headers: Mapping[str, str]) -> TestResponse:
    # Wrong tokens are counted by address: each call has its own, so that none is refused for those before it.
    address = {"REMOTE_ADDR": str(ip_address("198.18.0.0") + next(CALLS))}
    return client.open(path, method=operation.method.upper(), headers=dict(headers), json={}, environ_overrides=address)


def check_refusal(answer: TestResponse, operation: Operation, caller: Caller) -> None:
    error = (answer.json or {})["error"]
    if answer.status_code == 401:
        assert (error["code"], answer.headers["WWW-Authenticate"]) == ("UNAUTHORIZED", "Bearer")
        return
    assert error["code"] == "FORBIDDEN"
    if caller.kind == STORE:
        assert isinstance(operation.access, tuple)
        assert error["details"] == {"missingScopes": list(operation.access)}
        assert all(scope in error["message"] for scope in operation.access)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation_refuses_whom_its_declaration_refuses(
    client: FlaskClient, callers: dict[str, dict[str, Caller]], operation: Operation
) -> None:
    platform = next((name for name in PLATFORMS if f"/{name}/" in operation.path), "woocommerce")
    for path in paths_of(operation):
        for name, caller in callers[platform].items():
            answer, refusal = call(client, operation, path, caller.headers), refusal_of(operation, caller)
            if refusal is None:
                assert answer.status_code not in (401, 403) and is_declared(answer, operation), (path, name)
            else:
                assert answer.status_code == refusal, (path, name)
                check_refusal(answer, operation, caller)


def is_declared(answer: TestResponse, operation: Operation) -> bool:
    if answer.status_code in {declared.status for declared in operation.answers}:
        return True
    return (answer.json or {})["error"]["code"] in operation.errors


def ids_of(operation: Operation) -> list[str]:
    """The parameters of a path that name a row: those without a list of choices."""
    return [name for name, schema in operation.places.items() if "enum" not in schema]


WITH_IDS = [operation for operation in OPERATIONS if ids_of(operation)]
HOLD = """INSERT INTO wc_sync_batches (store_id, id, kind, status, total_items, preview)
    VALUES (%s, %s, 'hold', 'needs_approval', 1, '{"reasons": ["price_share"], "products": 1, "changes": []}')"""
ITEM = "SELECT id::text FROM wc_sync_items WHERE store_id = %s"


@pytest.fixture
def ids(runtime: Runtime, root_conn: Connection, store_id: UUID) -> dict[str, str]:
    """A row of the store for each parameter that names one."""
    product = make_erp_product()
    product_id, hold, customer = product["product_id"], new_id(), make_customer()
    put_products(runtime, store_id, [product])
    sync(runtime, store_id, "customers", [customer])
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        save_looks(conn, store_id, [ProductLook(new_id(), UUID(product_id), make_look(7))])
        # Every route of jobs finds a pull from Shopify, also that of Shopify's own jobs.
        job = start_pull(conn, store_id, "shopify", Wanted("orders", "full"), "test").log_id
    root_conn.execute(HOLD, (store_id, hold))
    ((item,),) = root_conn.execute(ITEM, (store_id,)).fetchall()
    return {
        "jobId": str(job),
        "batchId": str(hold),
        "itemId": item,
        "productId": product_id,
        "wcCustomerId": str(customer["wc_customer_id"]),
    }


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda operation: operation.name)
def test_another_stores_id_is_answered_like_unknown(
    client: FlaskClient, conn: Connection, store_id: UUID, ids: dict[str, str], operation: Operation
) -> None:
    """Both callers have every scope: only the store decides. Its own store finds the row."""
    (name,) = ids_of(operation)
    no_id = "999" if operation.places[name]["type"] == "integer" else str(new_id())
    stranger = bearer(create_store(conn, "Other shop", "woocommerce", role="admin").token)
    for path in paths_of(operation):
        theirs, unknown = (path.replace(SOME_ID, given) for given in (ids[name], no_id))
        refused = call(client, operation, theirs, stranger)
        assert refused.status_code in (404, 409) and is_declared(refused, operation), theirs
        assert without_request_id(refused) == without_request_id(call(client, operation, unknown, stranger))
        found = call(client, operation, theirs, bearer(token_of(conn, store_id, *SCOPES)))
        assert found.status_code != refused.status_code and is_declared(found, operation), theirs


def without_request_id(answer: TestResponse) -> tuple[Any, ...]:
    kept = {name: value for name, value in answer.headers if name != "X-Request-Id"}
    return answer.status_code, answer.json, kept

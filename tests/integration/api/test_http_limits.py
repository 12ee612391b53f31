"""What the API refuses, how it says so, and that it costs nothing: sizes, encodings, JSON, routes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.test import TestResponse

from app.http.services import EXTENSION
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.factories import make_category, make_order
from tests.support.pipeline import bearer, kept_batch, post

MOST = 16 * 1024 * 1024
JSON = {"Content-Type": "application/json"}


def send(client: FlaskClient, store: CreatedStore, body: bytes, entity: str = "orders", **headers: str) -> TestResponse:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api/sync/{entity}", data=body, headers=bearer(store.token) | JSON | more)


def code(answer: TestResponse) -> tuple[int, str]:
    """Status and code, of an answer that is in the envelope and has a request id."""
    assert answer.json is not None and answer.json["success"] is False
    assert answer.headers["X-Request-Id"]
    assert set(answer.json["error"]) <= {"code", "message", "details"}
    return answer.status_code, answer.json["error"]["code"]


def padded(size: int) -> bytes:
    """A batch of one order, of exactly that many bytes."""
    body = json.dumps({"orders": [make_order()], "padding": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + b'"}'


@pytest.fixture
def leaves_a_log() -> None:
    """Asked for by tests whose batch is accepted."""


@pytest.fixture(autouse=True)
def nothing_is_accepted(request: pytest.FixtureRequest, root_conn: Connection, store: CreatedStore) -> Iterator[None]:
    """A refusal leaves no log."""
    yield
    if "leaves_a_log" not in request.fixturenames:
        logs = root_conn.execute("SELECT count(*) FROM sync_logs WHERE store_id = %s", (store.store_id,)).fetchone()
        assert logs == (0,)


@pytest.mark.usefixtures("leaves_a_log")
def test_batch_of_5000_records_is_accepted(client: FlaskClient, store: CreatedStore) -> None:
    records = [make_category(wc_category_id=key) for key in range(1, 5001)]
    answer = post(client, store.token, "categories", records)
    assert (answer.status_code, (answer.json or {})["data"]["receivedCount"]) == (202, 5000)


def test_batch_of_5001_records_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    assert code(post(client, store.token, "categories", [{}] * 5001)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.usefixtures("leaves_a_log")
def test_body_of_16_mib_is_accepted(client: FlaskClient, store: CreatedStore) -> None:
    assert send(client, store, padded(MOST)).status_code == 202


def test_body_of_16_mib_and_a_byte_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    assert code(send(client, store, padded(MOST + 1))) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.usefixtures("leaves_a_log")
def test_inflated_body_at_the_limit_is_accepted(client: FlaskClient, store: CreatedStore) -> None:
    assert send(client, store, gzip.compress(padded(MOST), 1), Content_Encoding="gzip").status_code == 202


def test_inflated_body_above_the_limit_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    answer = send(client, store, gzip.compress(padded(MOST + 1), 1), Content_Encoding="gzip")
    assert code(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_gzip_bomb_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    bomb = gzip.compress(b"\0" * 64_000_000, 1)
    assert code(send(client, store, bomb, Content_Encoding="gzip")) == (413, "PAYLOAD_TOO_LARGE")


def test_truncated_gzip_body_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    cut = gzip.compress(padded(1000))[:-9]
    assert code(send(client, store, cut, Content_Encoding="gzip")) == (400, "VALIDATION_ERROR")


@pytest.mark.usefixtures("leaves_a_log")
def test_gzip_body_is_accepted(client: FlaskClient, store: CreatedStore) -> None:
    assert send(client, store, gzip.compress(padded(1000)), Content_Encoding="gzip").status_code == 202


REFUSED: dict[str, tuple[bytes, str]] = {
    "an array at the top": (b"[]", "VALIDATION_ERROR"),
    "nothing": (b" ", "INVALID_JSON"),
    "an object in place of the array": (b'{"orders":{}}', "VALIDATION_ERROR"),
    "another entity": (b'{"products":[]}', "VALIDATION_ERROR"),
    "nested 100,000 deep": (b'{"orders":[{"status":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", "INVALID_JSON"),
    "nested 100,000 deep where unknown": (
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"orders":[]}',
        "INVALID_JSON",
    ),
    "an integer of 5,000 digits": (b'{"orders":[{"total":' + b"9" * 5000 + b"}]}", "INVALID_JSON"),
    "NaN": (b'{"orders":[{"total":NaN}]}', "INVALID_JSON"),
    "-Infinity": (b'{"orders":[{"total":-Infinity}]}', "INVALID_JSON"),
    "latin-1": ('{"orders":[{"status":"é"}]}'.encode("latin-1"), "INVALID_JSON"),
    "utf-16": ('{"orders":[]}'.encode("utf-16"), "INVALID_JSON"),
    "cut off": (b'{"orders":[', "INVALID_JSON"),
    "an unknown mode": (b'{"orders":[],"syncMode":"x"}', "VALIDATION_ERROR"),
}


@pytest.mark.parametrize(("body", "wanted"), REFUSED.values(), ids=REFUSED)
def test_hostile_body_is_refused(client: FlaskClient, store: CreatedStore, body: bytes, wanted: str) -> None:
    answer = send(client, store, body)
    assert code(answer) == (400, wanted)
    assert len(answer.data) < 300


def test_email_of_5000_digits_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    body = b'{"customers":[{"wc_customer_id":1,"email":' + b"9" * 5000 + b"}]}"
    assert code(send(client, store, body, "customers")) == (400, "INVALID_JSON")


@pytest.mark.usefixtures("leaves_a_log")
def test_huge_integer_in_an_unknown_field_is_dropped(
    client: FlaskClient, store: CreatedStore, root_conn: Connection
) -> None:
    assert send(client, store, b'{"orders":[{"zz":' + b"9" * 5000 + b"}]}").status_code == 202
    assert kept_batch(root_conn, store.store_id) == b"[{}]"


@pytest.mark.usefixtures("leaves_a_log")
def test_last_of_duplicate_names_counts(client: FlaskClient, store: CreatedStore, root_conn: Connection) -> None:
    assert send(client, store, b'{"orders":[],"orders":[{"status":"a","status":"b"}]}').status_code == 202
    assert json.loads(kept_batch(root_conn, store.store_id)) == [{"status": "b"}]


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/json; charset=latin-1"])
def test_another_content_type_is_refused(client: FlaskClient, store: CreatedStore, kind: str) -> None:
    assert code(send(client, store, b'{"orders":[]}', Content_Type=kind)) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_another_encoding_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    assert code(send(client, store, b"x", Content_Encoding="br")) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_body_without_a_length_is_refused(client: FlaskClient, store: CreatedStore) -> None:
    assert code(client.post("/api/sync/orders", headers=bearer(store.token) | JSON)) == (411, "LENGTH_REQUIRED")


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/sync/nothing", "/api/sync/jobs/nonsense", "/api/sync/orders/", "/x%00y"]
)
def test_unknown_route_is_not_found(client: FlaskClient, store: CreatedStore, path: str) -> None:
    assert code(client.get(path, headers=bearer(store.token))) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/api/sync/orders", "POST"), ("DELETE", "/api/sync/jobs", "GET"), ("PUT", "/api/sync/status", "GET")],
)
def test_wrong_method_answers_the_allowed_ones(
    client: FlaskClient, store: CreatedStore, method: str, path: str, allowed: str
) -> None:
    answer = client.open(path, method=method, headers=bearer(store.token))
    assert code(answer) == (405, "METHOD_NOT_ALLOWED")
    assert allowed in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("given", ["abc-123._X", "a" * 64])
def test_valid_request_id_is_returned(client: FlaskClient, store: CreatedStore, given: str) -> None:
    assert client.get("/nothing", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "<script>", "é"])
def test_any_other_request_id_is_replaced(client: FlaskClient, store: CreatedStore, given: str) -> None:
    found = client.get("/nothing", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert found != given and len(found) == 32


@pytest.mark.usefixtures("leaves_a_log")
def test_request_id_is_kept_with_the_sync_log(client: FlaskClient, store: CreatedStore) -> None:
    receipt = post(client, store.token, "orders", [make_order()], {"X-Request-Id": "mine"}).json or {}
    log = client.get(receipt["data"]["statusUrl"], headers=bearer(store.token)).json or {}
    assert log["data"]["requestId"] == "mine"


def test_internal_error_reveals_nothing(client: FlaskClient, store: CreatedStore, root_conn: Connection) -> None:
    root_conn.execute("ALTER TABLE entity_stats RENAME TO hidden_stats")
    try:
        answer = client.get("/api/sync/status", headers=bearer(store.token))
    finally:
        root_conn.execute("ALTER TABLE hidden_stats RENAME TO entity_stats")
    assert code(answer) == (500, "INTERNAL")
    assert "stats" not in answer.text


def test_health_needs_no_token(client: FlaskClient, store: CreatedStore) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    checks = {"postgres": "ok", "redis": "ok", "workers": "missing"}  # this test starts none
    assert (ready.status_code, ready.json) == (200, {"status": "degraded", "checks": checks})


def test_database_away_answers_503_with_retry_after(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore
) -> None:
    with application(settings, database.url, servers.redis.url) as app:
        app.extensions[EXTENSION].pool.close()
        answer = send(app.test_client(), store, b'{"orders":[{}]}')
        ready = app.test_client().get("/readyz")
    assert code(answer) == (503, "UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert (ready.status_code, (ready.json or {})["status"]) == (503, "unavailable")

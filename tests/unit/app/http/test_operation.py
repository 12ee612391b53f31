"""What follows from a rule and a declaration: the path of the contract, its parameters, and the errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from app.http.errors import ERROR_CODES
from app.http.operation import BODY, CALLER, Access, Answer, Body, Operation, Place, all_errors, path_of
from app.http.serve import Reply, bare, respond
from schemas.answers.outbound import Retried
from schemas.answers.service import Health
from schemas.requests.lists import PageQuery
from schemas.requests.outbound import RunSchema

PLAIN = Operation("listThings", "get", "/things", "Things", "List things", "All.", None, (Answer(200, "All."),))


@pytest.mark.parametrize(
    ("rule", "path", "schema"),
    [
        ("/a/<uuid:item_id>", "/a/{itemId}", {"type": "string", "format": "uuid"}),
        ("/a/<any(x,y):kind>/b", "/a/{kind}/b", {"type": "string", "enum": ["x", "y"]}),
        ("/a/<wc_customer_id>", "/a/{wcCustomerId}", {"type": "string"}),
    ],
)
def test_path_and_parameter_follow_from_the_rule(rule: str, path: str, schema: dict[str, object]) -> None:
    found, schemas = path_of(rule, {})
    assert (found, list(schemas.values())) == (path, [schema])


def test_place_renames_and_describes_a_parameter() -> None:
    path, schemas = path_of("/a/<uuid:log_id>", {"log_id": Place("of a receipt", name="jobId")})
    assert path == "/a/{jobId}"
    assert schemas == {"jobId": {"type": "string", "format": "uuid", "description": "of a receipt"}}


@pytest.mark.parametrize(
    ("access", "codes"),
    [
        (None, {"INTERNAL"}),
        (("read",), {"INTERNAL", "UNAVAILABLE", *CALLER}),
        ("metrics", {"INTERNAL", "UNAUTHORIZED", "FORBIDDEN"}),
    ],
)
def test_errors_of_the_guard_follow_from_the_access(access: Access, codes: set[str]) -> None:
    assert set(all_errors(replace(PLAIN, access=access), "/things")) == codes


def test_errors_of_reading_follow_from_query_and_body() -> None:
    assert set(all_errors(replace(PLAIN, query=PageQuery), "/things")) == {"INTERNAL", "VALIDATION_ERROR"}
    with_body = replace(PLAIN, body=Body(RunSchema, {}), brings_data=True)
    assert set(all_errors(with_body, "/things")) == {"INTERNAL", "STORAGE_FULL", *BODY}
    assert set(all_errors(with_body, "/things")) <= set(ERROR_CODES)


def test_data_is_answered_in_the_envelope_unless_bare() -> None:
    with Flask("answers").test_request_context():
        data, reply, probe = (
            respond(Retried(2)),
            respond(Reply(Retried(2), 202, {"Location": "/x"})),
            bare(Health("ok")),
        )
        empty = respond(Reply(None, 204))
    assert data.get_data() == b'{"success":true,"data":{"retryCount":2}}'
    assert (data.status_code, data.mimetype) == (200, "application/json")
    assert (reply.status_code, reply.headers["Location"], reply.get_data()) == (202, "/x", data.get_data())
    assert probe.get_data() == b'{"status":"ok"}'
    assert (empty.status_code, empty.get_data()) == (204, b"")

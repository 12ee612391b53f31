"""The contract says what the code does: every route, every error code, every scope; and its examples are examples of it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.openapi import from_dict
from werkzeug.routing import Rule

from app.http.errors import ERROR_CODES, ApiError
from app.http.operation import BODY, CALLER, Access, Operation
from app.openapi.errors import error_answer
from schemas.base.fields import RecordSchema
from schemas.base.strict_json import loads
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from schemas.platforms.descriptor import Platform
from schemas.platforms.registry import PLATFORMS
from schemas.plugin.categories import CategorySchema
from schemas.plugin.customers import CustomerSchema
from schemas.plugin.orders import OrderSchema
from schemas.plugin.products import ProductSchema
from schemas.requests.fields import read_object, read_request
from schemas.requests.pulls import pull_start_schema, read_schedule, read_shopify_start
from tests.support.contract import APP, DOCUMENT, OPERATIONS
from workers.core.timing import Timing, WrongSchedule, check_timing

PLACE = re.compile(r"\{(\w+)\}")
SOME_ID = str(UUID(int=7))
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


ADAPTER = APP.url_map.bind("localhost")


def paths_of(operation: Operation) -> list[str]:
    """The paths that an operation describes: each choice of a place, and one UUID."""
    found = [operation.path]
    for name in PLACE.findall(operation.path):
        choices = operation.places[name].get("enum", [SOME_ID])
        found = [path.replace(f"{{{name}}}", choice) for path in found for choice in choices]
    return found


def served(rule: Rule) -> Iterator[tuple[str, str]]:
    """Each method and path of a rule, choices spelled out."""
    path = re.sub(r"<uuid:\w+>|<\w+>", SOME_ID, rule.rule)
    paths = [path]
    for choice in re.findall(r"<any\([^)]*\):\w+>", path):
        words = re.findall(r"\w+", choice.partition("(")[2].partition(")")[0])
        paths = [each.replace(choice, word) for each in paths for word in words]
    return ((method, each) for method in METHODS if method in (rule.methods or ()) for each in paths)


def test_every_route_is_described_and_nothing_else_is() -> None:
    described = [(operation.method.upper(), path) for operation in OPERATIONS for path in paths_of(operation)]
    assert sorted(described) == sorted(pair for rule in APP.url_map.iter_rules() for pair in served(rule))


def view_of(operation: Operation) -> Any:
    endpoint, _ = ADAPTER.match(paths_of(operation)[0], method=operation.method.upper())
    return APP.view_functions[endpoint]


def guard_codes(access: Access) -> set[str]:
    """The codes that the guard of a view can answer."""
    if access is None:
        return set()
    return {"UNAUTHORIZED", "FORBIDDEN"} if access == "metrics" else {*CALLER, "UNAVAILABLE"}


def has_choices(operation: Operation) -> bool:
    """Whether werkzeug itself refuses some paths of this form."""
    rule, _ = ADAPTER.match(paths_of(operation)[0], method=operation.method.upper(), return_rule=True)
    return bool(operation.places) and ("<uuid:" in rule.rule or "<any(" in rule.rule)


def codes_in(code: CodeType, known: dict[str, Any], seen: set[int]) -> set[str]:
    """The error codes that a piece of code names, and those of the functions of app and schemas that it calls."""
    found = {const for const in code.co_consts if isinstance(const, str) and const in ERROR_CODES}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= codes_in(inner, known, seen)
    for name in code.co_names:
        found |= codes_of(known.get(name), seen)
    return found


def codes_of(thing: Any, seen: set[int]) -> set[str]:
    function = inspect.unwrap(thing) if callable(thing) else thing
    if not isinstance(function, FunctionType) or id(function) in seen:
        return set()
    if function.__module__.split(".")[0] not in ("app", "schemas"):
        return set()
    seen.add(id(function))
    return codes_in(function.__code__, function.__globals__, seen)


def reading_codes(operation: Operation) -> set[str]:
    """The codes of reading the query and the body, and of the quota."""
    found = {"VALIDATION_ERROR"} if operation.query else set()
    if operation.body is not None:
        found |= {*BODY, *codes_of(operation.body.parser, set())}
    return found | ({"STORAGE_FULL"} if operation.brings_data else set())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_declared_errors_are_those_the_code_can_answer(operation: Operation) -> None:
    view = view_of(operation)
    refused = {"NOT_FOUND"} if has_choices(operation) else set()
    around = guard_codes(operation.access) | reading_codes(operation) | refused | {"INTERNAL"}
    assert set(operation.errors) == codes_of(view, set()) | around


@pytest.mark.parametrize("code", ERROR_CODES)
def test_contract_and_api_use_the_same_error_texts(code: str) -> None:
    """One declaration: the example in the contract is what is answered where an error has no words of its own."""
    example = error_answer([code])["content"]["application/json"]["examples"][code]["value"]["error"]
    assert (example["code"], example["message"]) == (code, ApiError(code).message)


def check(schema: Any, instance: Any) -> None:
    whole = {"components": DOCUMENT["components"], **schema}
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(instance)


def contents(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each media type of a body or an answer, with where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "content":
                yield from ((f"{path} {mimetype}", media) for mimetype, media in value.items())
            else:
                yield from contents(value, f"{path}/{key}")


def test_document_is_valid_openapi() -> None:
    from_dict(DOCUMENT)
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(OPERATIONS)


MEDIA = dict(contents(DOCUMENT))


@pytest.mark.parametrize("where", MEDIA)
def test_every_body_and_answer_has_an_example_that_fits(where: str) -> None:
    media = MEDIA[where]
    examples = [media["example"]] if "example" in media else [one["value"] for one in media["examples"].values()]
    assert examples
    for example in examples:
        check(media["schema"], example)


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for kind, name in set(re.findall(r'"#/components/(\w+)/([^"]+)"', text)):
        assert name in DOCUMENT["components"][kind]
    linked = set(re.findall(r'"operationId": "(\w+)", "parameters"', text))
    assert linked <= {operation.name for operation in OPERATIONS}


RECORDS = {
    "Order": OrderSchema,
    "Product": ProductSchema,
    "Customer": CustomerSchema,
    "Category": CategorySchema,
    "ErpProduct": ErpProductSchema,
    "ErpCategory": ErpCategorySchema,
}


def with_plain_numbers(node: Any) -> Any:
    """Whole numbers without a point: to JSON Schema 12.0 is one too, to a record's ids and counts it is none."""
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if isinstance(node, dict):
        return {key: with_plain_numbers(value) for key, value in node.items()}
    return [with_plain_numbers(entry) for entry in node] if isinstance(node, list) else node


BEYOND_A_SCHEMA = {"not_below_regular_price", "before_its_begin"}


def bodies(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Whatever fits a schema of the document."""
    media = {"application/json": {"schema": schema}}
    operation = {"requestBody": {"required": True, "content": media}, "responses": {"200": {"description": "x"}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {"/x": {"post": operation}},
        "components": DOCUMENT["components"],
    }
    return from_dict(document)["/x"]["post"].as_strategy().map(lambda case: case.body)


def component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize("examples", [3, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RECORDS)
def test_record_that_fits_the_document_is_not_skipped(name: str, examples: int) -> None:
    schema: RecordSchema = RECORDS[name]()

    @settings(max_examples=examples, phases=(Phase.generate,), suppress_health_check=(HealthCheck.too_slow,))
    @given(bodies(component(name)).map(with_plain_numbers))
    def check_one(sent: dict[str, Any]) -> None:
        record = loads(json.dumps(sent).encode())
        if record.get("email"):
            record["email"] = "0" * 64  # the API hashes it before the schema sees it
        said = set(re.findall(r"'([a-z_]+)'\]", str(schema.validate(record))))
        assert said <= BEYOND_A_SCHEMA

    check_one()


@pytest.mark.parametrize("name", RECORDS)
def test_fields_that_the_document_requires_are_required(name: str) -> None:
    described = DOCUMENT["components"]["schemas"][name]
    errors = RECORDS[name]().validate({})
    assert set(described["required"]) == set(errors)
    assert set(described["properties"]) == {field.data_key or key for key, field in RECORDS[name]().fields.items()}


@settings(max_examples=10)
@given(st.deferred(lambda: bodies(component("Schedule"))))
def test_schedule_that_fits_the_document_is_accepted(body: dict[str, Any]) -> None:
    asked = read_schedule(json.dumps(body).encode())
    try:
        check_timing(Timing(asked.cron, asked.every_seconds))
    except WrongSchedule as error:  # the 31st of November, which no pattern can exclude
        assert str(error) == "cron matches no date"


@settings(max_examples=10)
@given(st.deferred(lambda: bodies(component("ShopifyStart"))))
def test_start_that_fits_the_document_is_accepted(body: dict[str, Any]) -> None:
    assert read_shopify_start(json.dumps(body).encode()).job_type == body["jobType"]


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda platform: platform.name)
def test_pull_that_fits_the_document_is_accepted(platform: Platform) -> None:
    schema = pull_start_schema(platform)()

    @settings(max_examples=10)
    @given(bodies(component(f"{platform.name.capitalize()}PullStart")))
    def check_one(body: dict[str, Any]) -> None:
        assert read_request(schema, read_object(json.dumps(body).encode()))["mode"] in platform.modes

    check_one()


@pytest.mark.parametrize(
    "body",
    [
        {"jobType": "orders", "syncMode": "update"},
        {"jobType": "orders", "syncMode": "update", "staleAfterMins": 5, "days": 1},
        {"jobType": "orders", "staleAfterMins": 5},
        {"jobType": "orders", "fullScan": True},
        {"jobType": "refunds"},
        {},
    ],
)
def test_start_that_is_refused_does_not_fit_the_document(body: dict[str, Any]) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check(component("ShopifyStart"), body)


def test_every_field_and_parameter_says_what_it_means() -> None:
    """A field without a text of its own gets the one of its name: app/openapi/field_texts.py."""
    fields = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    shared = DOCUMENT["components"]["parameters"]
    parameters = [
        f"{operation['operationId']}.{parameter.get('name')}"
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for given in operation["parameters"]
        for parameter in [shared[given["$ref"].rpartition("/")[2]] if "$ref" in given else given]
        if not (parameter.get("description") or parameter["schema"].get("description"))
    ]
    assert (fields, parameters) == ([], [])

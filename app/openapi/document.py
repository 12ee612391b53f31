"""Builds the OpenAPI document from what the views declare and the marshmallow schemas that validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from app.http.operation import Access, Answer, Batch, Body, Operation
from app.openapi.answers import example_of, schemas_of
from app.openapi.errors import ERROR, by_status, error_answer
from app.openapi.field_texts import complete_texts
from app.openapi.fields import describe
from app.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS
from app.settings.environment import Settings
from schemas.answers.fields import AnswerData
from schemas.plugin.envelope import MODES
from schemas.requests.fields import RequestSchema

VERSION = "1"
ABOUT = """Sluice takes batches of orders, products, customers and categories, commits them, and processes them at once after.
Success is `{"success": true, "data": …}`, an error `{"success": false, "error": {"code", "message", "details"?}}`. Each answer
has an `X-Request-Id`. 429 and 503 carry `Retry-After`, and nothing was kept. Ids and counts of records are written without a
point: `12`, not `12.0`."""
TAGS = {
    "Batches": "What a shop's plugin sends.",
    "Jobs": "What became of it.",
    "Pulls": "Starts a pull of a store of any platform.",
    "Shopify": "Pulls of a Shopify store.",
    "TikTok Shop": "Pulls of a TikTok Shop.",
    "Schedules": "When a store is pulled.",
    "Coverage": "What has been read of a store that is pulled, and what has not.",
    "ERP": "The ERP's catalogue and its events.",
    "WooCommerce": "A shop that is kept in step with an ERP.",
    "Audit": "Who changed what.",
    "Service": "The service itself.",
}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of a store with the scope that the operation names: `ingest` (send batches), `read` (look at what"
    " is here), `erp` (write the ERP's catalogue, send to the shop), `pull` (start and schedule pulls), `admin` (administer the"
    " store). 403 names the scope that is missing. An operator's token belongs to no store, and answers 403.",
}
METRICS_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "What the setting `METRICS_TOKEN` says. Where it says nothing: no token, and only from the same machine.",
}


def security_of(access: Access) -> list[dict[str, list[str]]]:
    if access is None:
        return []
    if access == "metrics":
        return [{"metricsToken": []}, {}]
    return [{"token": [scope]} for scope in access]


def build_document(settings: Settings, operations: Sequence[Operation]) -> dict[str, Any]:
    return _Builder(settings, operations).build()


def _name_of(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")


class _Builder:
    """Collects the components that operations refer to."""

    def __init__(self, settings: Settings, operations: Sequence[Operation]) -> None:
        self.settings, self.operations = settings, operations
        plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
        self.spec = APISpec(
            "Sluice",
            VERSION,
            "3.1.0",
            plugins=[plugin],
            info={"description": ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
            tags=[{"name": name, "description": about} for name, about in TAGS.items()],
            jsonSchemaDialect="https://spec.openapis.org/oas/3.1/dialect/base",
        )
        assert plugin.converter is not None  # made by the line before
        self.converter = plugin.converter
        self.converter.add_attribute_function(describe)  # type: ignore[no-untyped-call]  # apispec does not say
        self.errors: dict[str, Any] = {}

    def build(self) -> dict[str, Any]:
        self.spec.components.security_scheme("token", TOKEN)
        self.spec.components.security_scheme("metricsToken", METRICS_TOKEN)
        self.spec.components.schema("Error", ERROR)
        for name, header in REQUEST_HEADERS.items():
            self.spec.components.parameter(name, "header", {**header, "required": False})
        paths: dict[str, dict[str, Any]] = {}
        for operation in self.operations:
            paths.setdefault(operation.path, {})[operation.method] = self._operation(operation)
        document: dict[str, Any] = _without_empty_defaults(self.spec.to_dict())
        components = document["components"]
        answers = {answer for operation in self.operations for answer in _answers_of(operation)}
        components["schemas"] |= schemas_of(answers)
        components["headers"] = ANSWER_HEADERS
        components["responses"] = self.errors
        document["paths"] = paths
        complete_texts(document)
        return document

    def _operation(self, operation: Operation) -> dict[str, Any]:
        described: dict[str, Any] = {
            "operationId": operation.name,
            "tags": [operation.tag],
            "summary": operation.summary,
            "description": operation.about,
            "parameters": self._parameters(operation),
            "responses": self._responses(operation),
            "security": security_of(operation.access),
        }
        if operation.body:
            described["requestBody"] = self._body(operation.body)
        return described

    def _parameters(self, operation: Operation) -> list[dict[str, Any]]:
        places = [
            {"name": name, "in": "path", "required": True, "schema": schema}
            for name, schema in operation.places.items()
        ]
        query = self._query(operation.query) if operation.query else []
        named = (*operation.headers, "X-Request-Id")
        return [*places, *query, *({"$ref": f"#/components/parameters/{name}"} for name in named)]

    def _query(self, schema: type[RequestSchema]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "in": "query",
                "required": field.required,
                "schema": _without_empty_defaults(self.converter.field2property(field)),
            }
            for name, field in schema().fields.items()
        ]

    def _body(self, body: Batch | Body) -> dict[str, Any]:
        if isinstance(body, Batch):
            schema, example = self._batch(body), {body.name: [body.example]}
        else:
            schema, example = self._request(body.schema), body.example
        required = isinstance(body, Batch) or body.required
        return {"required": required, "content": {"application/json": {"schema": schema, "example": example}}}

    def _batch(self, batch: Batch) -> dict[str, Any]:
        # Any entry is accepted: what does not fit the record's schema is skipped, which is no error of the batch.
        anything = {"description": "anything else is skipped, with a reason"}
        entries = {
            "type": "array",
            "description": f"at most {self.settings.max_batch_records}; more answer 413",
            "items": {"anyOf": [self._ref(batch.record), anything]},
        }
        properties: dict[str, Any] = {batch.name: entries}
        if batch.is_plugin:
            properties["syncMode"] = {
                "type": ["string", "null"],
                "enum": [*MODES, None],
                "description": "`populate` skips records that exist",
            }
        return {"type": "object", "required": [batch.name], "properties": properties}

    def _request(self, schema: type[RequestSchema]) -> dict[str, Any]:
        name = _name_of(schema)
        if name not in self.spec.components.schemas:
            self.spec.components.schema(name, component=schema.rules, schema=schema)
        return _ref(name)

    def _ref(self, schema: type[Schema]) -> dict[str, Any]:
        return dict(self.converter.resolve_nested_schema(schema))  # type: ignore[no-untyped-call]  # nor here

    def _responses(self, operation: Operation) -> dict[str, Any]:
        answers = {str(answer.status): self._answer(answer) for answer in operation.answers}
        return answers | {
            str(status): self._error(status, codes) for status, codes in by_status(operation.errors).items()
        }

    def _answer(self, answer: Answer) -> dict[str, Any]:
        described: dict[str, Any] = {"description": answer.about, "headers": _headers(answer.headers, answer.may_have)}
        if answer.data is not None or answer.raw is not None:
            described["content"] = _content(answer)
        if answer.links:
            described["links"] = {
                link.operation: {"operationId": link.operation, "parameters": dict(link.parameters)}
                for link in answer.links
            }
        return described

    def _error(self, status: int, codes: list[str]) -> dict[str, Any]:
        name = ".".join([str(status), *codes])
        if name not in self.errors:
            self.errors[name] = error_answer(codes)
        return {"$ref": f"#/components/responses/{name}"}


def _answers_of(operation: Operation) -> list[type[AnswerData]]:
    return [data for answer in operation.answers for data in (answer.data, answer.or_else) if data is not None]


def _content(answer: Answer) -> dict[str, Any]:
    also = {mimetype: {"schema": {"type": "string"}, "example": example} for mimetype, example in answer.also.items()}
    if answer.data is None:
        return {answer.mimetype: {"schema": answer.raw, "example": answer.example}, **also}
    data, example = _ref(answer.data.__name__), example_of(answer.data, whole=answer.whole) | (answer.example or {})
    if answer.bare:
        return {answer.mimetype: {"schema": data, "example": example}, **also}
    if answer.or_else is not None:
        data = {"anyOf": [data, _ref(answer.or_else.__name__)]}
    enveloped = {
        "type": "object",
        "required": ["success", "data"],
        "properties": {"success": {"const": True}, "data": data},
        "additionalProperties": False,
    }
    return {answer.mimetype: {"schema": enveloped, "example": {"success": True, "data": example}}, **also}


def _headers(always: tuple[str, ...], sometimes: tuple[str, ...]) -> dict[str, Any]:
    named = ("X-Request-Id", *always)
    return {name: {**ANSWER_HEADERS[name], "required": True} for name in named} | {
        name: {"$ref": f"#/components/headers/{name}"} for name in sometimes
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _without_empty_defaults(node: Any) -> Any:
    # Such a default says nothing: a field that may be left out is then null or empty.
    if isinstance(node, Mapping):
        return {
            key: _without_empty_defaults(value)
            for key, value in node.items()
            if not (key == "default" and value in (None, []))
        }
    return [_without_empty_defaults(entry) for entry in node] if isinstance(node, list) else node

"""`@operation` makes a function a view of the API: its route, who may call it, how query and body are read, and its contract.

The view gets the arguments of the path, and `query` and `body` if the operation has them. It returns the data of its answer, a
`Reply` for another status than 200 or with headers, or a Flask response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Blueprint, Response, request
from msgspec import Struct

from app.http.auth import enter
from app.http.body import parse_json_body
from app.http.errors import ApiError
from app.http.metrics_reader import check_metrics_reader
from app.http.operation import Access, Answer, Batch, Body, Method, Operation, Place, all_errors, path_of
from app.http.paging import read_query
from app.http.quota import refuse_full_store
from app.http.services import services
from schemas.answers.fields import AnswerData
from schemas.base.strict_json import dumps
from schemas.requests.fields import RequestSchema, WrongRequest

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status or headers of its own. `data` None: no body."""

    data: AnswerData | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Envelope(Struct):
    """What every success has around its data."""

    success: bool
    data: AnswerData


def operation(
    blueprint: Blueprint,
    method: Method,
    rule: str,
    *,
    name: str,
    tag: str,
    summary: str,
    about: str,
    access: Access,
    answers: Sequence[Answer],
    errors: Sequence[str] = (),
    places: Mapping[str, Place] | None = None,
    query: type[RequestSchema] | None = None,
    headers: Sequence[str] = (),
    body: Batch | Body | None = None,
    brings_data: bool = False,
    audit: str | Literal[False] | None = None,
) -> Callable[[View], View]:
    """Declare the only operation of a view. `errors` are the codes that the view itself can answer."""
    path, schemas = path_of((blueprint.url_prefix or "") + rule, places or {})
    declared = Operation(
        name=name,
        method=method,
        path=path,
        tag=tag,
        summary=summary,
        about=about,
        access=access,
        answers=tuple(answers),
        errors=tuple(errors),
        places=schemas,
        query=query,
        headers=tuple(headers),
        body=body,
        brings_data=brings_data,
        audit=audit,
    )
    return operations(blueprint, rule, declared)


def operations(blueprint: Blueprint, rule: str, *declared: Operation) -> Callable[[View], View]:
    """Declare several operations of one view: the choices of `rule`, each with its own body. They share all else."""
    first = declared[0]
    bodies = {one.path: one.body for one in declared if one.body is not None}
    query = first.query() if first.query is not None else None

    def decorate(view: View) -> View:
        @wraps(view)
        def served(**given: Any) -> Response:
            if first.access == "metrics":
                check_metrics_reader()
            elif first.access is not None:
                enter(first.access)
            if first.brings_data:
                refuse_full_store()
            if bodies:
                given["body"] = _read_body(first.body if len(bodies) == 1 else bodies[request.path], given)
            if query is not None:
                given["query"] = read_query(query, request.args)
            return respond(view(**given))

        served.operations = tuple(replace(one, errors=all_errors(one, rule)) for one in declared)  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, view_func=served, methods=[first.method.upper()])
        return served  # type: ignore[return-value]

    return decorate


def _read_body(body: Batch | Body | None, place: dict[str, Any]) -> Any:
    assert body is not None
    parse = body.parser(**place)
    try:
        if not body.required and not request.content_length and "Transfer-Encoding" not in request.headers:
            return parse(b"{}")
        return parse_json_body(request, body.limits(services().settings), parse)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def respond(answer: AnswerData | Reply | Response) -> Response:
    if isinstance(answer, Response):
        return answer
    reply = answer if isinstance(answer, Reply) else Reply(answer)
    if reply.data is None:
        return Response(status=reply.status, headers=reply.headers)
    response = Response(dumps(Envelope(True, reply.data)), reply.status, content_type="application/json")
    response.headers.update(reply.headers)
    return response


def bare(data: AnswerData, status: int = 200) -> Response:
    """An answer without the envelope, as probes expect it."""
    return Response(dumps(data), status, mimetype="application/json")

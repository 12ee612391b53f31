"""The audit trail of a store."""

from __future__ import annotations

from app.openapi.operation import CALLER, SERVER, Answer, Operation
from schemas.answers.audit import AuditPageSchema
from schemas.requests.audit import AuditQuery

EVENT = {
    "id": "4711",
    "at": "2026-01-15T12:00:01.190000Z",
    "storeId": "0199a6f2-7e1c-7c3b-9a6e-0d4f1c2b3a49",
    "action": "token.create",
    "result": "ok",
    "code": None,
    "actorKind": "session",
    "actor": "0199a6f2-7e1c-7c3b-9a6e-0d4f1c2b3a4a",
    "address": "203.0.113.7",
    "requestId": "8d9f5b0c6f5f4d0e9d2b7c1a3e4f5a6b",
    "details": {"role": "store"},
}

OPERATIONS = (
    Operation(
        name="listAuditEvents",
        method="get",
        path="/api/v1/audit",
        tag="Audit",
        summary="Who changed what",
        about="Newest first, a page at a time. `action` is one action, `actor` one actor or a kind of actor; `from` is"
        " included, `to` is not.",
        access=("admin",),
        query=AuditQuery,
        answers=(Answer(200, "A page.", AuditPageSchema, {"events": [EVENT], "nextCursor": "1768478401190000.4711"}),),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
)

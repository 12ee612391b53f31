"""GET /.well-known/security.txt (RFC 9116): who takes reports of vulnerabilities, and until when that holds."""

from __future__ import annotations

from flask import Blueprint, Response

from app.http.errors import not_found
from app.http.operation import Answer
from app.http.serve import operation
from app.http.services import services

blueprint = Blueprint("security_txt", __name__)

TEXT = "Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n"


@operation(
    blueprint,
    "get",
    "/.well-known/security.txt",
    name="getSecurityContact",
    tag="Service",
    summary="Who takes reports of vulnerabilities",
    about="RFC 9116. 404 where the operator has set no `SECURITY_CONTACT`.",
    access=None,
    answers=(
        Answer(
            200,
            "The contact, and until when it holds.",
            raw={"type": "string"},
            mimetype="text/plain",
            example=TEXT.format(contact="mailto:security@example.com", expires="2027-06-30T00:00:00Z"),
        ),
    ),
    errors=("NOT_FOUND",),
)
def get_security_txt() -> Response:
    settings = services().settings
    if settings.security_contact is None or settings.security_expires is None:
        raise not_found()
    text = TEXT.format(contact=settings.security_contact, expires=settings.security_expires)
    return Response(text, content_type="text/plain; charset=utf-8")

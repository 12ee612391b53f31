"""GET /.well-known/security.txt (RFC 9116): who takes reports of vulnerabilities, and until when that holds."""

from __future__ import annotations

from flask import Blueprint, Response

from app.http.errors import not_found
from app.http.services import services

blueprint = Blueprint("security_txt", __name__)


@blueprint.get("/.well-known/security.txt")
def get_security_txt() -> Response:
    """404 where the operator has set no contact."""
    settings = services().settings
    if settings.security_contact is None or settings.security_expires is None:
        raise not_found()
    text = f"Contact: {settings.security_contact}\nExpires: {settings.security_expires}\nPreferred-Languages: en\n"
    return Response(text, content_type="text/plain; charset=utf-8")

"""The body reader: bounded, inflated, and never cut short in silence."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest
from flask import Request

from app.http.body import PIECE_BYTES, parse_json_body
from app.http.errors import ApiError
from schemas.base.json_bounds import GZIP_INPUT_BYTES, JsonBounds

MOST = 3 * 2**20
LIMITS = JsonBounds(MOST, 100, 200)


class Meter(io.BytesIO):
    """A stream that notes how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


def request(body: bytes | Meter, headers: dict[str, str] | None = None, length: int | None = -1) -> Request:
    """A request as the server hands it over; `length` None is no Content-Length, -1 the body's own."""
    stream = body if isinstance(body, Meter) else Meter(body)
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "wsgi.input": stream, "CONTENT_TYPE": "application/json"}
    if length is not None:
        environ["CONTENT_LENGTH"] = str(len(stream.getvalue()) if length < 0 else length)
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
    return Request(environ)


def read_json_body(asked: Request, limits: JsonBounds) -> bytes:
    return parse_json_body(asked, limits, lambda body: body)


def chunked(body: bytes | Meter) -> Request:
    return request(body, {"Transfer-Encoding": "chunked"}, None)


def gzipped(raw: bytes) -> Request:
    return request(raw, {"Content-Encoding": "gzip"})


def refusal(asked: Request) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        read_json_body(asked, LIMITS)
    return caught.value.status, caught.value.message


@pytest.mark.parametrize("size", [0, 1, MOST])
def test_body_with_a_length_is_read_whole(size: int) -> None:
    assert read_json_body(request(b"x" * size), LIMITS) == b"x" * size


@pytest.mark.parametrize("size", [0, 1, GZIP_INPUT_BYTES, MOST])
def test_chunked_body_is_read_whole(size: int) -> None:
    assert read_json_body(chunked(b"x" * size), LIMITS) == b"x" * size


def test_body_without_a_length_is_refused() -> None:
    assert refusal(request(b"{}", length=None))[0] == 411


def test_body_with_too_large_a_length_is_not_read() -> None:
    stream = Meter(b"x" * (MOST + 1))
    assert refusal(request(stream))[0] == 413
    assert stream.taken == 0


def test_chunked_body_above_the_limit_is_not_cut() -> None:
    stream = Meter(b"x" * (3 * MOST))
    assert refusal(chunked(stream))[0] == 413
    assert stream.taken == MOST + 1


def test_body_shorter_than_announced_is_refused() -> None:
    assert refusal(request(b"{}", length=3)) == (400, "the body ended before its Content-Length")


def test_gzip_body_is_inflated() -> None:
    assert read_json_body(gzipped(gzip.compress(b"x" * MOST, mtime=0)), LIMITS) == b"x" * MOST


def test_gzip_body_may_be_chunked() -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Encoding": "GZip"}
    assert read_json_body(request(gzip.compress(b"{}", mtime=0), headers, None), LIMITS) == b"{}"


@pytest.mark.parametrize("size", [MOST + 1, 100_000_000])
def test_gzip_bomb_is_refused_at_the_bound(size: int) -> None:
    assert refusal(gzipped(gzip.compress(b"\0" * size, mtime=0)))[0] == 413


@pytest.mark.parametrize("form", [request, chunked, lambda raw: gzipped(gzip.compress(raw, mtime=0))])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[{" * 50 + b"," * 200, None),
        (b"[{" * 50 + b"{", 413),
        (b"," * 201, 413),
        (b" " * 2_500_000 + b"[" * 101, 413),
    ],
)
def test_body_with_too_many_values_is_refused(form: Any, body: bytes, status: int | None) -> None:
    if status is None:
        assert read_json_body(form(body), LIMITS) == body
    else:
        assert refusal(form(body))[0] == status


def test_body_with_too_many_values_is_not_read_on() -> None:
    stream = Meter(b"[" * MOST)
    assert refusal(request(stream))[0] == 413
    assert stream.taken == PIECE_BYTES


@pytest.mark.parametrize("left", [1, 10, 18, -8, -1])
def test_truncated_gzip_body_is_refused(left: int) -> None:
    assert refusal(gzipped(gzip.compress(b'{"orders":[]}', mtime=0)[:left])) == (400, "the gzip body is truncated")


@pytest.mark.parametrize("behind", [gzip.compress(b"{}", mtime=0), b"\0", b"x"])
def test_bytes_after_a_gzip_body_are_refused(behind: bytes) -> None:
    assert refusal(gzipped(gzip.compress(b"{}", mtime=0) + behind)) == (400, "there are bytes after the gzip body")


def test_second_gzip_member_is_refused() -> None:
    """The member ends exactly where a piece of the input does."""
    empty = len(gzip.compress(b"", compresslevel=0, mtime=0))
    body = gzip.compress(b"x" * (GZIP_INPUT_BYTES - empty - 5), compresslevel=0, mtime=0)
    spare = GZIP_INPUT_BYTES - len(body)
    body = gzip.compress(b"x" * (GZIP_INPUT_BYTES - empty - 5 + spare), compresslevel=0, mtime=0)
    assert len(body) == GZIP_INPUT_BYTES
    many = JsonBounds(MOST, MOST, MOST)
    assert read_json_body(gzipped(body), many) == gzip.decompress(body)
    assert refusal(gzipped(body + b"x")) == (400, "there are bytes after the gzip body")


@pytest.mark.parametrize("raw", [b"{}", b"PK\x03\x04", gzip.compress(b"{}", mtime=0)[:-4] + b"\0\0\0\1"])
def test_body_that_is_not_gzip_is_refused(raw: bytes) -> None:
    assert refusal(gzipped(raw)) == (400, "the body is not gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_another_encoding_is_refused(encoding: str) -> None:
    assert refusal(request(b"{}", {"Content-Encoding": encoding}))[0] == 415


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(kind: str) -> None:
    asked = request(b"{}")
    asked.environ["CONTENT_TYPE"] = kind
    assert refusal(Request(asked.environ))[0] == 415


@pytest.mark.parametrize("kind", ["", "application/json; charset=UTF-8", "Application/JSON"])
def test_content_type_is_read_in_any_spelling(kind: str) -> None:
    asked = request(b"{}")
    asked.environ["CONTENT_TYPE"] = kind
    assert read_json_body(Request(asked.environ), LIMITS) == b"{}"

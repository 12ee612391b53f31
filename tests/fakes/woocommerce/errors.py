"""Errors of the fake shop in the real one's form and words."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]


class ApiError(Exception):
    """An answer other than success. `data` is beside the status in the body."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> JsonObject:
        return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.data}}


class BareError(ApiError):
    """An error that says nothing beside its code and message."""

    def body(self) -> JsonObject:
        return super().body() | {"data": None}


class Crash(ApiError):
    """A PHP fatal error, as WordPress reports it."""

    def __init__(self) -> None:
        super().__init__(
            500,
            "internal_server_error",
            "<p>There has been a critical error on this website.</p><p>"
            '<a href="https://wordpress.org/documentation/article/faq-troubleshooting/">'
            "Learn more about troubleshooting WordPress.</a></p>",
        )

    def body(self) -> JsonObject:
        return super().body() | {"additional_errors": []}


def wp_die(message: str, status: int) -> JsonObject:
    return {"code": "wp_die", "message": message, "data": {"status": status}, "additional_errors": []}


def invalid_params(problems: dict[str, tuple[str, str, Any]]) -> ApiError:
    return ApiError(
        400,
        "rest_invalid_param",
        "Invalid parameter(s): " + ", ".join(problems),
        params={name: text for name, (_, text, _data) in problems.items()},
        details={name: {"code": code, "message": text, "data": data} for name, (code, text, data) in problems.items()},
    )


def not_of_type(name: str, kind: str) -> tuple[str, str, Any]:
    return "rest_invalid_type", f"{name} is not of type {kind}.", {"param": name}


def not_one_of(name: str, allowed: tuple[str, ...]) -> tuple[str, str, Any]:
    listed = ", ".join(allowed[:-1]) + (f", and {allowed[-1]}" if len(allowed) > 2 else f" and {allowed[-1]}")
    return "rest_not_in_enum", f"{name} is not one of {listed}.", None


def missing_params(*names: str) -> ApiError:
    return ApiError(400, "rest_missing_callback_param", "Missing parameter(s): " + ", ".join(names), params=list(names))


def no_route() -> ApiError:
    return ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")


def invalid_product(status: int) -> ApiError:
    return ApiError(status, "woocommerce_rest_product_invalid_id", "Invalid ID.")

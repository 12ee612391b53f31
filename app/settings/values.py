"""What a setting may be: each reads the text of a variable, and raises ValueError with the words for what it should be."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

MIN_SECRET_KEY_CHARACTERS = 32


def text(value: str) -> str:
    """Any text."""
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds, both included."""

    def parse(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return parse


def yes_or_no(value: str) -> bool:
    """True or false, in either case."""
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower() == "true"


def url(*schemes: str) -> Callable[[str], str]:
    """A URL of one of these schemes."""

    def parse(value: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise ValueError("a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return value

    return parse


def secret(value: str) -> str:
    """A key that is long enough not to be guessed."""
    if len(value) < MIN_SECRET_KEY_CHARACTERS:
        raise ValueError(f"at least {MIN_SECRET_KEY_CHARACTERS} characters, for example from: openssl rand -hex 32")
    return value

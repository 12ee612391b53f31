"""The fake shop answers recorded requests as the real one did, signatures included; differences are listed with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from typing import Any

import msgspec
import pytest

from tests.fakes.woocommerce import ApiKey, FakeWooCommerce, Fault, Settings
from tests.fakes.woocommerce.products import folded
from tests.support.recorded import Got, Step, differences, is_listed, known_differences, recording

BROKEN_IMAGES = (("nope.png", "Not Found"), ("images.example.test", "A valid URL was not provided."))
TERMS = "/wp-json/wc/v3/products/categories"


class Replay:
    """A fake shop with the recorded shop's address, keys and clock, and a plain connection to it."""

    def __init__(self, about: Step) -> None:
        self.now = 0.0
        keys = {key["ck"]: ApiKey(key["cs"], *_rights(role)) for role, key in about["keys"].items()}
        settings = Settings(home=about["home"], broken_images=BROKEN_IMAGES)
        self.shop = FakeWooCommerce(settings, keys=keys, clock=lambda: self.now)

    def play(self, step: Step) -> Got | None:
        """The fake's answer; None for a step that only adds an object."""
        if "seed" in step:
            self._seed(step["seed"], step["rows"])
            return None
        self.now = moment_of(step)
        self.shop.configure(**step.get("settings", {}))
        if "fault" in step:
            self.shop.faults.add(Fault(**step["fault"]))
        self._take_recorded_ids(step)
        return self._send(step)

    def _send(self, step: Step) -> Got:
        address = self.shop.url.removeprefix("http://")
        connection = HTTPConnection(address, timeout=10)
        connection.request(step["method"], step["target"], _bytes(step["body"]), step["headers"])
        response = connection.getresponse()
        body = response.read()
        connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        is_json = headers["content-type"].startswith("application/json")
        return Got(response.status, headers, msgspec.json.decode(body) if is_json else None)

    def _seed(self, what: str, rows: list[dict[str, Any]]) -> None:
        state = self.shop.state
        if what == "product dates":
            for row in rows:
                state.products[row["id"]] |= row
        if what == "products":
            state.products |= {row["id"]: row for row in rows}
            state.skus |= {folded(row["sku"]): row["id"] for row in rows if row["sku"]}
        if what == "customers":
            state.customers |= {row["id"]: row for row in rows}
        if what == "no orders":
            for row in rows:
                del state.orders[row["id"]]
        elif what.startswith("orders"):
            state.orders = {} if what.endswith("!") else state.orders
            state.orders |= {row["id"]: row for row in rows}

    def _take_recorded_ids(self, step: Step) -> None:
        # The next new object gets the recorded id.
        made = first_object(step)
        if step["method"] == "GET" or not isinstance(made.get("id"), int):
            return
        for image in made.get("images", ()):
            self.shop.state.next_post_id = image["id"]
        for tag in made.get("tags", ()):
            self.shop.state.next_term_id = tag["id"]
        if step["method"] == "POST" and step["target"].startswith(TERMS):
            self.shop.state.next_term_id = made["id"]
        elif step["method"] == "POST":
            self.shop.state.next_post_id = made["id"]


def moment_of(step: Step) -> float:
    """When the recorded shop did the work: answers are dated at its end, written objects at its start."""
    answered = parsedate_to_datetime(step["answered_headers"]["Date"])
    written = first_object(step).get("date_modified_gmt") if step["method"] in ("POST", "PUT", "PATCH") else None
    begun = answered if written is None else datetime.fromisoformat(written).replace(tzinfo=UTC)
    return (begun if timedelta() <= answered - begun < timedelta(seconds=10) else answered).timestamp()


def first_object(step: Step) -> dict[str, Any]:
    """The object that a recorded write made: the first one of a batch."""
    answer = step["answer"] if isinstance(step["answer"], dict) else {}
    if not isinstance(answer.get("create") or answer.get("update"), list):
        return answer
    items: list[dict[str, Any]] = answer.get("create") or answer.get("update") or []
    return next((item for item in items if "error" not in item), {})


def _rights(role: str) -> tuple[str, bool]:
    return ("read_write", False) if role == "subscriber" else (role, True)


def _bytes(body: str | None) -> bytes | None:
    return None if body is None else body.encode()


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, list[str]]]:
    about, steps = recording()
    replay = Replay(about)
    with replay.shop:
        answers = [(step, replay.play(step)) for step in steps]
    yield {step["name"]: list(differences(step, got)) for step, got in answers if got is not None}


def test_every_difference_is_listed_with_its_reason(found: dict[str, list[str]]) -> None:
    known = known_differences()
    unlisted = [
        f"{step}: {difference}"
        for step, lines in found.items()
        for difference in lines
        if not any(is_listed(step, difference, entry) for entry in known)
    ]
    assert unlisted == []


def test_every_listed_difference_is_still_there(found: dict[str, list[str]]) -> None:
    gone = [
        entry
        for entry in known_differences()
        if not any(is_listed(step, line, entry) for step, lines in found.items() for line in lines)
    ]
    assert gone == []


def test_recording_covers_what_the_sync_uses(found: dict[str, list[str]]) -> None:
    assert len(found) > 400

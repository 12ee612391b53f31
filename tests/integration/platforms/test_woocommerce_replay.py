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
from tests.fakes.woocommerce.state import UNCATEGORIZED, ShopState, folded
from tests.support.recorded import RECORDINGS, Got, Step, differences, is_listed, known_differences, recording

NO_URL = "A valid URL was not provided."
BAD_FILE = "Invalid image: Sorry, you are not allowed to upload this file type."
EMPTY_FILE = (
    "Invalid image: File is empty. Please upload something more substantial. This error could also be caused by uploads being "
    "disabled in your php.ini file or by post_max_size being defined as smaller than upload_max_filesize in php.ini."
)
BROKEN_IMAGES = (
    *(("nope.png", "Not Found"), ("404.png", "Not Found"), ("500.png", "Internal Server Error")),
    *(("images.example.test", NO_URL), ("127.0.0.1:8199", NO_URL), ("ftp://", NO_URL)),
    *((name, BAD_FILE) for name in ("page.png", "noext", "ok.svg", "ok.exe")),
    ("empty.png", EMPTY_FILE),
)
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
        headers = {"accept": "application/json"} | step["headers"]
        connection.request(step["method"], step["target"], _bytes(step["body"]), headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            return Got(response.status, headers, msgspec.json.decode(body))
        except msgspec.DecodeError:
            return Got(response.status, headers, None)

    def _seed(self, what: str, rows: list[dict[str, Any]]) -> None:
        if what == "a product":
            for row in rows:
                self.shop.state.next_post_id = row.pop("id")
                self.shop.add_product(**row)
        elif what in CLEARED:
            CLEARED[what](self.shop.state, rows)
        elif what == "product dates":
            for row in rows:
                self.shop.state.products[row["id"]] |= row
        else:
            _seed_objects(self.shop.state, what, rows)

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


def _seed_objects(state: ShopState, what: str, rows: list[dict[str, Any]]) -> None:
    # "orders!" replaces all orders.
    if what.endswith("!"):
        state.orders = {}
    held: dict[int, dict[str, Any]] = getattr(state, what.partition("!")[0].partition(" ")[0])
    held |= {row["id"]: row for row in rows}
    if what == "products":
        state.skus |= {folded(row["sku"]): row["id"] for row in rows if row["sku"]}
        for row in rows:
            if row["type"] == "variation":
                siblings = state.children.setdefault(row["parent_id"], [])
                siblings.extend({row["id"]} - set(siblings))


def _clear_products(state: ShopState, rows: list[dict[str, Any]]) -> None:
    state.products, state.skus, state.children = {}, {}, {}


def _clear_categories(state: ShopState, rows: list[dict[str, Any]]) -> None:
    state.categories = {UNCATEGORIZED: state.categories[UNCATEGORIZED]}


def _remove_orders(state: ShopState, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        del state.orders[row["id"]]


CLEARED = {"no products": _clear_products, "no categories": _clear_categories, "no orders": _remove_orders}


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
    return ("read_write", False) if role == "subscriber" else (role.split()[0], True)


def _bytes(body: str | None) -> bytes | None:
    return None if body is None else body.encode()


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    return dict(line for name in RECORDINGS for line in replayed(name))


def replayed(name: str) -> Iterator[tuple[str, list[str]]]:
    """The name of each exchange of a recording, and how the fake's answer differs."""
    about, steps = recording(name)
    replay = Replay(about)
    with replay.shop:
        for step in steps:
            got = replay.play(step)
            if got is not None:
                yield step["name"], list(differences(step, got))


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
    assert len(found) > 1100

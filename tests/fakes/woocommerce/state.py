"""State of the fake shop: its keys, clock and zone, and the objects by id, each in the form of its own answer."""

from __future__ import annotations

import functools
import re
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

JsonObject = dict[str, Any]
NAIVE = "%Y-%m-%dT%H:%M:%S"
UNCATEGORIZED = 15
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A consumer key: its permission, and whether its user manages the shop."""

    secret: str
    permissions: str = "read_write"
    manages: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """The setup of a shop. `home` is its own idea of its address, by which signatures are checked."""

    home: str
    https: bool = False
    zone: str = "Europe/Bucharest"
    plain_permalinks: bool = False
    authenticates_by_query: bool = False  # whether a key counts under ?rest_route=
    refuses_keys_in_query: bool = False  # whether a firewall takes them out of the address
    strips_authorization: bool = False  # whether the web server keeps the header from PHP
    active: bool = True
    knows_modified_after: bool = True  # since 5.8
    lists_variations: bool = True  # since 10.3: those of all products in one list
    lists_refunds: bool = True  # since 9.0
    broken_images: tuple[tuple[str, str], ...] = (("missing", "Not Found"),)  # part of an address, and why it fails


class ShopState:
    """Take the lock around any use."""

    def __init__(self, settings: Settings, keys: dict[str, ApiKey], clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.keys = keys
        self.clock = clock
        self.zone = ZoneInfo(settings.zone)
        self.lock = threading.RLock()
        self.products: dict[int, JsonObject] = {}
        self.skus: dict[str, int] = {}  # trashed products keep theirs
        self.slugs: set[str] = set()
        self.next_suffix: dict[
            str, int
        ] = {}  # of a slug that is taken: the least that may be free, as none is given back
        self.trashed_from: dict[int, str] = {}  # a trashed product's id, and the status it had
        self.children: dict[int, list[int]] = {}  # of a variable product: the ids of its variations
        self.attributes: dict[int, JsonObject] = {}  # the shop's own, which products refer to by id
        self.images: dict[int, JsonObject] = {}
        self.uploads: set[str] = set()  # names of files
        self.categories: dict[int, JsonObject] = {}
        self.orders: dict[int, JsonObject] = {}
        self.refunds: dict[int, JsonObject] = {}
        self.customers: dict[int, JsonObject] = {}
        self.nonces: dict[str, dict[int, str]] = {}
        self.next_post_id, self.next_term_id, self.next_user_id, self.next_meta_id = 10, UNCATEGORIZED, 2, 40

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self.clock()), UTC)

    def local(self, moment: datetime) -> str:
        return _clocks(moment, self.zone)[0]

    def dates(self, name: str, moment: datetime | None) -> JsonObject:
        local, gmt = (None, None) if moment is None else _clocks(moment, self.zone)
        return {name: local, f"{name}_gmt": gmt}

    def is_within(self, begins: str | None, ends: str | None) -> bool:
        """Whether it is now between two dates in UTC, of which either may be open."""
        now = self.now().strftime(NAIVE)
        return (not begins or begins <= now) and (not ends or now <= ends)

    def read_date(self, text: str, *, gmt: bool) -> datetime:
        """A date of a payload: naive text is the shop's wall clock, or UTC for the `_gmt` field.

        Seconds of the epoch and the word `tomorrow` are dates, too, as PHP reads them.
        """
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        if text == "tomorrow":
            text = (self.now() + timedelta(days=1)).strftime("%Y-%m-%d")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and not gmt:  # the later one of two that a clock shows alike
            return max(moment.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)

    def new_post_id(self) -> int:
        self.next_post_id += 1
        return self.next_post_id - 1

    def new_term_id(self) -> int:
        self.next_term_id += 1
        return self.next_term_id - 1

    def new_meta_id(self) -> int:
        self.next_meta_id += 1
        return self.next_meta_id - 1

    def url(self, path: str) -> str:
        return f"{self.settings.home}/wp-json/wc/v3{path}"

    def links(self, collection: str, wc_id: int) -> JsonObject:
        return {
            "self": [{"href": self.url(f"{collection}/{wc_id}"), "targetHints": {"allow": METHODS}}],
            "collection": [{"href": self.url(collection)}],
        }


@functools.lru_cache(maxsize=1024)
def _clocks(moment: datetime, zone: ZoneInfo) -> tuple[str, str]:
    return moment.astimezone(zone).strftime(NAIVE), moment.astimezone(UTC).strftime(NAIVE)


def slug_of(name: str) -> str:
    """A name in an address: ASCII letters and digits, everything else a hyphen or an escape; at most 200 characters."""
    kept = (
        without_accents(re.sub(r"<(?=[a-zA-Z/!?])[^>]*>|&\w+;", "", name)).lower().replace("/", "-").replace(".", "-")
    )
    kept = re.sub(r"%(?![0-9a-f]{2})|[\t\r\n“”„‘’\"',;:!?()&+<>]", "", kept)
    return quote(re.sub(r"[ _-]+", "-", kept).strip("-"), safe="-%").lower()[:200]


def folded(sku: str) -> str:
    """A SKU as the shop's database compares it: neither case nor accents count."""
    return without_accents(sku.strip()).casefold()


def without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))

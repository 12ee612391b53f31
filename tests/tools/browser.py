"""A real browser for the console's tests: Debian's chromium, driven by playwright, with an eye on its console.

`python -m tests.tools.browser` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from tests.support.paths import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = ROOT / "tests" / "fixtures" / "axe" / "axe.min.js"
SHOTS = ROOT / ".console-shots"
PHONE, DESK = (375, 812), (1440, 900)
Scheme = Literal["light", "dark"]


def find_chromium() -> str | None:
    """CHROMIUM where it is set, else the first one on PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """What the tests lack on this machine, in one line; None where nothing does."""
    if find_chromium() is None:
        return "there is no chromium on PATH: apt-get install chromium, or set CHROMIUM to another's path"
    return None


@dataclass
class Window:
    """One page of a browser, and whatever its console complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def note_message(self, message: ConsoleMessage) -> None:
        """A breach of the policy is an error here, too. A form that comes back with what is wrong in it is none."""
        if message.type in ("error", "warning") and "status of 400" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def note_failure(self, request: Request) -> None:
        """One that ends because its page is left is no failure."""
        if "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"{request.url}: {request.failure}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}/console{path}")

    def sign_in(self, token: str) -> None:
        self.open("/login")
        self.page.get_by_label("API token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def barriers(self) -> list[str]:
        """What axe finds on the page as it is now: the rule, and the first elements that break it."""
        # Run from outside of the page, whose policy allows no other script.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {', '.join(node['target'][0] for node in one['nodes'][:3])}" for one in found["violations"]
        ]

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page for people to look at."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@contextmanager
def window(browser: Browser, url: str, size: tuple[int, int] = DESK, scheme: Scheme = "light") -> Iterator[Window]:
    """A fresh window with cookies of its own. Afterwards its console must be empty: no error, no breach of the policy."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    made = Window(page, url)
    page.on("console", made.note_message)
    page.on("pageerror", lambda error: made.complaints.append(f"{page.url}: {error}"))
    page.on("requestfailed", made.note_failure)
    yield made
    context.close()
    assert made.complaints == []


if __name__ == "__main__":
    sys.exit(missing())

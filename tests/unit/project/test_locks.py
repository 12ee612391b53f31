"""The lock files name every package with its hashes, and nothing of the machine that wrote them."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

LOCKS = ("requirements", "requirements-dev", "requirements-dashboard", "requirements-tools", "requirements-docs")
ENTRY = re.compile(
    r"^(?P<pin>[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+(?: ; [^\\]+)?) \\\n(?P<hashes>(?:    --hash=.+\n)+)", re.MULTILINE
)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def locked(name: str) -> dict[str, Requirement]:
    """What a lock file pins, by package."""
    pins = [Requirement(entry["pin"]) for entry in ENTRY.finditer(text_of(f"{name}.lock"))]
    return {canonicalize_name(pin.name): pin for pin in pins}


def wanted(name: str) -> list[Requirement]:
    """What the file written by hand asks for, files that it includes too."""
    found: list[Requirement] = []
    for line in text_of(f"{name}.txt").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            found += wanted(line.removeprefix("-r ").removesuffix(".txt"))
        elif line:
            found.append(Requirement(line))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_what_its_requirements_ask_for(name: str) -> None:
    assert len(wanted(name)) >= 3
    missing = [str(one) for one in wanted(name) if not is_pinned(one, locked(name))]
    assert missing == [], "run `make lock`"


def is_pinned(one: Requirement, lock: dict[str, Requirement]) -> bool:
    pin = lock.get(canonicalize_name(one.name))
    if pin is None:
        return False
    versions = [specifier.version for specifier in pin.specifier]
    return all(one.specifier.contains(version) for version in versions)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_for_each_package(name: str) -> None:
    """Whatever is no entry with hashes is a comment: no option, index or path of a machine."""
    text = text_of(f"{name}.lock")
    rest = [line for line in ENTRY.sub("", text).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert rest == []
    hashes = [line for entry in ENTRY.finditer(text) for line in entry["hashes"].splitlines()]
    assert [line for line in hashes if not HASH.fullmatch(line)] == []
    assert not re.search(r"https?://|file:|/work|find-links|index-url", text)


def test_lock_holds_every_required_package() -> None:
    """The closure of requirements.txt over what is installed here."""
    lock, seen = locked("requirements"), set[str]()
    queue = [(one.name, frozenset(one.extras)) for one in wanted("requirements")]
    while queue:
        name, extras = queue.pop()
        name = canonicalize_name(name)
        if (key := f"{name}{sorted(extras)}") in seen:
            continue
        seen.add(key)
        assert name in lock, f"{name} is not in requirements.lock: run `make lock`"
        queue += [(one.name, frozenset(one.extras)) for one in needs_of(name, extras)]
    assert len(seen) > len(wanted("requirements"))


def needs_of(name: str, extras: frozenset[str]) -> list[Requirement]:
    try:
        needs = [Requirement(line) for line in distribution(name).requires or ()]
    except PackageNotFoundError:
        return []
    return [one for one in needs if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras | {""})]


def test_dev_lock_has_the_versions_of_production() -> None:
    production, dev = locked("requirements"), locked("requirements-dev")
    assert {name: str(pin.specifier) for name, pin in production.items()} == {
        name: str(dev[name].specifier) for name in production
    }


def test_everything_is_installed_by_hash() -> None:
    for place in ("Makefile", "Dockerfile"):
        installs = [line for line in text_of(place).splitlines() if re.search(r"^[^#]*\bpip\b.*\binstall\b", line)]
        ours = [line for line in installs if "peers" not in line and "$<" not in line]
        assert ours, place
        assert [line for line in ours if "--require-hashes" not in line] == [], place

"""Documents: links and anchors resolve, paths in the text exist, longer documents have a table of contents."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.paths import ROOT
from tests.tools.docs_site import first_sentence, moved

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
README_WORDS = 1200
LONGEST_LINE = 699  # characters; a longer one can be reviewed by nobody
LONG = 60  # lines; a document with more needs a table of contents
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
# A path as the text names it; one with a placeholder (`<name>`, `*`, `…`) is not looked up.
PATH = re.compile(r"`((?:app|workers|schemas|db|docs|tests|docker|\.ci)/[\w./-]+)(?:::\w+)?`")


def text_of(path: Path) -> str:
    return CODE.sub("", path.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """The anchor as GitHub makes it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def anchors_of(path: Path) -> set[str]:
    return {anchor(heading) for _, heading in HEADING.findall(text_of(path))}


def problem_of(document: Path, link: str) -> str | None:
    if re.match(r"https?:|mailto:", link):
        return None
    name, _, fragment = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return f"{link}: no such file"
    if fragment and fragment not in anchors_of(target):
        return f"{link}: no such heading"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(document: Path) -> None:
    links = [first or second for first, second in LINK.findall(text_of(document))]
    assert [problem for link in links if (problem := problem_of(document, link))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(document: Path) -> None:
    tests = ROOT / "tests"
    missing = [
        path
        for path in PATH.findall(text_of(document))
        if not (ROOT / path).exists() and not (tests / path).exists() and not is_generated(path)
    ]
    assert missing == []


def is_generated(path: str) -> bool:
    return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_line_is_too_long_to_review(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, start=1) if len(line) > LONGEST_LINE] == []


def test_the_site_has_every_document() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = [page for section in nav for pages in section.values() for entry in pages for page in entry.values()]
    beside = {"index.md": "README.md", **{name: name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")}}
    assert sorted(beside.get(page, f"docs/{page}") for page in listed) == sorted(
        str(d.relative_to(ROOT)) for d in DOCUMENTS
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_long_documents_begin_with_their_contents(document: Path) -> None:
    text = text_of(document)
    sections = [anchor(heading) for marks, heading in HEADING.findall(text) if marks == "##"]
    if document.name == "README.md" or len(sections) < 3 or len(text.splitlines()) <= LONG:
        return
    listed = re.findall(r"^- \[[^\]]*\]\(#([^)]+)\)$", text.split("\n## ")[0], re.MULTILINE)
    assert listed == sections


def test_every_document_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DOCUMENTS[1:] if f"({path.relative_to(ROOT)}" not in text] == []


@pytest.mark.parametrize(
    ("link", "is_top", "on_site"),
    [
        ("docs/tokens.md#scopes", True, "tokens.md#scopes"),
        ("../SECURITY.md", False, "SECURITY.md"),
        ("../README.md#the-rooms", False, "index.md#the-rooms"),
        ("pulls.md", False, "pulls.md"),
        ("#scopes", False, "#scopes"),
        ("https://example.com/docs/x.md", True, "https://example.com/docs/x.md"),
    ],
)
def test_links_are_moved_to_where_the_sites_pages_are(link: str, is_top: bool, on_site: str) -> None:
    assert moved(link, is_top=is_top) == on_site


def test_each_page_of_the_site_has_a_first_sentence() -> None:
    for document in DOCUMENTS:
        sentence = first_sentence(document.read_text(encoding="utf-8"))
        assert 10 < len(sentence) < 300, document.name


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS

"""Hooks of mkdocs: the documents at the top of the checkout become pages of the site, and llms.txt lists all pages.

Runs in the environment of `make docs`, which has mkdocs; nothing else imports it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOP = {"index.md": "README.md", **{name: name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")}}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def on_config(config: Any) -> Any:
    """Anchors as GitHub makes them, so that one link works in both places."""
    config["mdx_configs"]["toc"]["slugify"] = anchor
    return config


def anchor(heading: str, _separator: str = "-") -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def on_files(files: Any, config: Any) -> Any:
    """Add the documents of the top. mkdocs itself only looks below docs/."""
    file = type(next(iter(files)))  # mkdocs' own class; this module must be readable without mkdocs
    for page, name in TOP.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(file.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they are in the checkout, turned to where the pages are on the site."""
    is_top = page.file.src_uri in TOP
    return LINK.sub(lambda found: found[1] + moved(found[2], is_top=is_top) + found[3], markdown)


def moved(link: str, *, is_top: bool) -> str:
    name, mark, fragment = link.partition("#")
    if not name or "://" in name:
        return link
    name = name.removeprefix("docs/") if is_top else name.removeprefix("../")
    return f"{'index.md' if name == 'README.md' else name}{mark}{fragment}"


def on_post_build(config: Any) -> None:
    """llms.txt: what there is to read, and llms-full.txt: all of it as one text."""
    site = Path(config["site_dir"])
    pages = [(title, page) for section in config["nav"] for title, page in entries(section)]
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}", ""]
    texts = []
    for title, page in pages:
        text = (ROOT / TOP[page] if page in TOP else ROOT / "docs" / page).read_text(encoding="utf-8")
        (site / page).write_text(text, encoding="utf-8")
        lines.append(f"- [{title}]({page}): {first_sentence(text)}")
        texts.append(text)
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(texts), encoding="utf-8")


def entries(section: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [pair for pages in section.values() for page in pages for pair in page.items()]


def first_sentence(text: str) -> str:
    """The first sentence of prose: no heading, list, table, picture or code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE).split("\n\n")
    plain = next(part for part in prose if re.match(r"[A-Z*`\[]", part.strip()))
    flat = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(plain.split()))
    return re.split(r"(?<=\.) ", flat, maxsplit=1)[0].rstrip(":")

"""Helpers that read pages from a platform's client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from workers.platforms.common.interface import Page, Shop, Source, Window


def pages_of(source: Source, cursor: str | None = None) -> Iterator[Page]:
    while True:
        page = source.fetch(cursor)
        yield page
        if page.cursor is None:
            return
        cursor = page.cursor


def read_at_once(clients: Sequence[Shop]) -> list[int]:
    """The number of orders on the first page of each client, all asking at the same time."""
    with ThreadPoolExecutor(len(clients)) as threads:
        return list(threads.map(lambda client: len(client.source("orders", Window()).fetch(None).records), clients))

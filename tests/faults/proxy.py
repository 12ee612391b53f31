"""A proxy for a server's Unix socket that cuts a connection at a chosen word, or makes it fall silent."""

from __future__ import annotations

import enum
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


class Act(enum.Enum):
    """What the proxy does when the trap springs."""

    CUT_REQUEST = enum.auto()  # it never reaches the server; both ends see the connection break
    CUT_REPLY = enum.auto()  # the server has done what it says; its answer is lost, and the connection breaks
    MUTE_REQUEST = enum.auto()  # nothing passes any more, and neither end is told
    MUTE_REPLY = enum.auto()  # the server gets it, and its answer never arrives; the connection seems to live


@dataclass
class Trap:
    """Springs on a connection whose client has sent these words in this order, `left` times at most."""

    words: tuple[bytes, ...]
    act: Act
    left: int = 1
    sprung: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spring(self) -> bool:
        with self._lock:
            self.left -= 1
            if self.left >= 0:
                self.sprung.set()
            return self.left >= 0


@dataclass
class Link:
    """One connection through the proxy: bytes pass in both directions until the trap springs."""

    client: socket.socket
    server: socket.socket
    trap: Trap
    seen: int = 0  # how many of the words
    unread: bytes = b""
    muted: bool = False

    def run(self) -> None:
        with self.client, self.server, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(self.client, selectors.EVENT_READ, self._from_client)
            ready.register(self.server, selectors.EVENT_READ, self._from_server)
            while all(key.data() for key, _ in ready.select()):
                pass

    def cut(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):  # closed already
                end.shutdown(socket.SHUT_RDWR)

    def _from_client(self) -> bool:
        """False if the connection must be closed."""
        data = self.client.recv(65536)
        before_server = self.trap.act in (Act.CUT_REQUEST, Act.MUTE_REQUEST)
        if self._spoke(data) and before_server and self.trap.spring():
            self.muted = self.trap.act is Act.MUTE_REQUEST
            return self.muted
        if not self.muted:
            self.server.sendall(data)
        return bool(data)

    def _from_server(self) -> bool:
        data = self.server.recv(65536)
        of_reply = self.trap.act in (Act.CUT_REPLY, Act.MUTE_REPLY)
        if data and of_reply and self.seen == len(self.trap.words) and not self.muted and self.trap.spring():
            self.muted = self.trap.act is Act.MUTE_REPLY
            return self.muted
        if not self.muted:
            self.client.sendall(data)
        return bool(data)

    def _spoke(self, data: bytes) -> bool:
        """Whether all the words were sent. A word may arrive in two pieces."""
        for word in self.trap.words[self.seen :]:
            before, found, data = (self.unread + data).partition(word)
            self.unread = b"" if found else before[-len(word) :]
            if not found:
                return False
            self.seen += 1
        return True


@contextmanager
def in_the_way(path: Path, trap: Trap) -> Iterator[Trap]:
    """Within the block new connections to the server's socket go through a proxy, whose trap they may spring.

    Those that live at the end live on; those that fell silent are broken.
    """
    behind = path.with_name(path.name + ".x")
    path.rename(behind)
    links: list[Link] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        ours = path.stat().st_ino
        listener.listen(64)
        threading.Thread(target=_accept, args=(listener, behind, trap, links), daemon=True).start()
        try:
            yield trap
        finally:
            _give_back(path, behind, ours)
            with suppress(OSError):  # not everywhere is a listener shut down
                listener.shutdown(socket.SHUT_RDWR)
    trap.left = 0
    for link in links:
        if link.muted:
            link.cut()


def _accept(listener: socket.socket, behind: Path, trap: Trap, links: list[Link]) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(behind))
            except OSError:  # the server is away: so is its proxy
                client.close()
                server.close()
                continue
            links.append(Link(client, server, trap))
            threading.Thread(target=links[-1].run, daemon=True).start()


def _give_back(path: Path, behind: Path, ours: int) -> None:
    """A server that was restarted meanwhile has created its own socket."""
    with suppress(FileNotFoundError):
        if path.stat().st_ino == ours:
            os.replace(behind, path)
        else:
            behind.unlink()

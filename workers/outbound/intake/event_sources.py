"""Who may write events, where, and for which stores; and the signature by which an event can prove whose it is.

Redis does not tell who wrote an entry, so each ERP user has a stream and channels of its own, to which its ACL confines it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.settings.values import ErpUser
from schemas.base.strict_json import NotJson, loads
from workers.outbound.intake.events import CHANNELS, Event, read_event

STREAM = "sluice:events"
USER_STREAM = "sluice:events:from:"  # and the user's name; its channels go on with `:` and the event's
TOLERANCE_SECONDS = 300.0  # by how much an event's timestamp may differ from when it was sent


@dataclass(frozen=True, slots=True)
class Source:
    """A stream, channels, and the stores whose events are taken from there (None: any)."""

    stream: str
    channel_prefix: str
    stores: frozenset[UUID] | None
    is_heard: bool = True  # on pub/sub, too

    @property
    def channels(self) -> list[str]:
        return [f"{self.channel_prefix}{name}" for name in CHANNELS] if self.is_heard else []


def sources_of(users: Sequence[ErpUser]) -> list[Source]:
    """Without users anybody with access to Redis may write for any store. With users the shared stream counts for none:
    it holds our own events."""
    if not users:
        return [Source(STREAM, "", None)]
    own = [Source(f"{USER_STREAM}{user.name}", f"{USER_STREAM}{user.name}:", user.stores) for user in users]
    return [Source(STREAM, "", frozenset(), is_heard=False), *own]


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it came. `sent_at` is the second in which Redis took it."""

    name: str
    data: bytes
    timestamp: str
    signature: str
    sent_at: float


def unwrap(name: str, payload: bytes, now: float, *, is_signed: bool) -> Message:
    """A message of pub/sub. A signed one is an object of `data` (the event's JSON as a text), `timestamp`, `signature`."""
    if not is_signed:
        return Message(name, payload, "", "", now)
    try:
        found = loads(payload)
    except NotJson:
        found = None
    if not isinstance(found, dict):
        return Message(name, payload, "", "", now)
    data, timestamp, signature = (str(found.get(part, "")) for part in ("data", "timestamp", "signature"))
    return Message(name, data.encode("utf-8", "surrogatepass"), timestamp, signature, now)


def check_event(source: Source, message: Message, event_key: str | None) -> Event | str:
    """The event, or in a word why it is refused."""
    event = _read(message)
    if not isinstance(event, Event):
        return event
    if source.stores is not None and event.store_id not in source.stores:
        return "store_not_bound"
    if event_key is None:
        return event
    return _signature_fault(message, store_secret(event_key, event.store_id)) or event


def _read(message: Message) -> Event | str:
    try:
        data: Any = loads(message.data)
    except NotJson:
        return "not_json"
    return read_event(message.name, data)


def _signature_fault(message: Message, secret: str) -> str | None:
    expected = sign(secret, message.timestamp, message.name, message.data)
    if not hmac.compare_digest(expected.encode(), message.signature.encode("utf-8", "surrogatepass")):
        return "bad_signature"
    # Compared with the time of sending: an event may wait on the stream for days.
    is_fresh = message.timestamp.isdecimal() and abs(int(message.timestamp) - message.sent_at) <= TOLERANCE_SECONDS
    return None if is_fresh else "stale_signature"


def store_secret(event_key: str, store_id: UUID) -> str:
    """What one store's ERP signs with. It tells nothing of the key, nor of another store's secret."""
    return hmac.digest(event_key.encode(), b"sluice events v1|" + store_id.bytes, "sha256").hex()


def sign(secret: str, timestamp: str, name: str, data: bytes) -> str:
    signed = f"{timestamp}.{name}.".encode("utf-8", "surrogatepass") + data
    return hmac.digest(secret.encode(), signed, "sha256").hex()

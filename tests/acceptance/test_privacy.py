"""No e-mail address in clear anywhere (promise 8): one is posted in every place a client can think of, then hunted."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import zstandard
from redis import Redis

from tests.support.factories import MAKERS, make_customer, make_item, make_order, make_product
from tests.support.stack import Shop, Stack, run
from workers.inbound.payload import FRAME

LOCAL, DOMAIN = "qkanarie7781vogel", "piepmail4419.example"
CANARY = f"{LOCAL}@{DOMAIN}"
NEEDLES = (LOCAL.encode(), DOMAIN.encode())  # in lower case; neither half may be anywhere
CONTROL = "zichtbaar5520woord"  # a harmless word that must be found, or the hunt proves nothing
SPELLINGS = (CANARY, CANARY.upper(), f"{LOCAL.title()}@{DOMAIN.title()}", f"  {CANARY}  ")
IN_TEXT = (
    *SPELLINGS,
    f"Jane <{CANARY}>, call 5",
    f"mailto:{CANARY}?subject=x",
    f'"{CANARY}"',
    f"a@{CANARY}",
    f"{CANARY};{CANARY.upper()}",
    "x" * 1500 + f" {CANARY} " + "y" * 1500,
)
IN_ANY_PLACE: tuple[Any, ...] = (*IN_TEXT, [CANARY], {CANARY: CANARY}, {"a": [{"b": CANARY}]}, [[CANARY]])
FIRST_ID = 1000
LONGEST_PIECE = 8192  # of a compressed batch: no longer than a page of PostgreSQL


@dataclass
class Traces:
    """Whatever left the requests, gathered on the way; files are read at the end."""

    stack: Stack
    shop: Shop
    answers: list[bytes] = field(default_factory=list)
    redis: list[bytes] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def send(self, path: str, body: bytes, **headers: str) -> int:
        """Post bytes, keep all of the answer; its status."""
        answer = self.shop.call("POST", path, body, **headers)
        self.answers.append(str(answer.headers).encode() + answer.content)
        if answer.status_code == 202:
            self.jobs.append(answer.json()["data"]["jobId"])
        return answer.status_code

    def post(self, entity: str, records: Any, **headers: str) -> int:
        return self.send(f"/api/sync/{entity}", json.dumps({entity: records}).encode(), **headers)

    def get(self, path: str, **headers: str) -> None:
        answer = self.shop.call("GET", path, None, **headers)
        self.answers.append(str(answer.headers).encode() + answer.content)

    def ask_about(self, jobs: list[str]) -> None:
        for job in jobs:
            self.shop.wait_ended([job])
            self.get(f"/api/sync/jobs/{job}")
            for accepted in ("application/json", "text/csv", "application/x-ndjson"):
                self.get(f"/api/sync/jobs/{job}/errors", Accept=accepted)
        self.get("/api/sync/jobs")
        self.get("/api/sync/status")

    def command(self, *words: str) -> None:
        told = run(self.stack.up.env, *words)
        self.answers.append((told.stdout + told.stderr).encode())


@pytest.fixture(scope="module")
def traces(stack: Stack) -> Traces:
    found = Traces(stack, stack.create_store())
    post_everywhere(found)
    post_as_bytes(found)
    ask_with_it(found)
    found.ask_about(found.jobs)
    found.command("jobs", "show", found.jobs[-1])
    provoke_failures(found)
    found.command("jobs", "list", "--store", str(found.shop.id))
    found.redis += everything_in(stack.redis)
    stack.sql("CHECKPOINT")
    return found


def post_everywhere(traces: Traces) -> None:
    """Workers stand still meanwhile, so that Redis is seen with the jobs in it."""
    with traces.stack.frozen("worker"):
        for entity, make in MAKERS.items():
            whole = make()
            for place in (*whole, "unknown", CANARY):
                records = [{**whole, place: value} for value in IN_ANY_PLACE]
                assert traces.post(entity, records) == 202
        lines = [make_order(items=value) for value in IN_ANY_PLACE]
        for place in (*make_item(), "unknown", CANARY):
            lines += [make_order(items=[make_item(**{place: value})]) for value in IN_ANY_PLACE]
        assert traces.post("orders", lines) == 202
        assert traces.post("customers", list(IN_ANY_PLACE)) == 202, "no objects at all"
        assert traces.post("customers", [make_customer(email=CANARY, display_name=CANARY, total_spent="x")]) == 202
        assert traces.post("customers", valid_customers()) == 202
        traces.redis += everything_in(traces.stack.redis)


def valid_customers() -> list[dict[str, Any]]:
    """Nothing wrong with them: they end up as rows."""
    return [
        make_customer(wc_customer_id=FIRST_ID + number, email=spelling, display_name=f"{CONTROL} {spelling}")
        for number, spelling in enumerate(SPELLINGS)
    ]


def post_as_bytes(traces: Traces) -> None:
    """Bodies that no encoder of ours would write, and such as are refused as a whole."""
    escaped = CANARY.replace("@", "\\u0040")
    whole = json.dumps({"customers": [make_customer(email=CANARY, display_name=CANARY)]}).encode()
    customers = "/api/sync/customers"
    assert traces.send(customers, b'{"customers":[{"wc_customer_id":1,"email":"%s"}]}' % escaped.encode()) == 202
    assert traces.send(customers, b'{"customers":[{"wc_customer_id":2,"display_name":"%s"}]}' % escaped.encode()) == 202
    assert traces.send(customers, b'{"customers":[{"wc_customer_id":3,"e\\u006dail":"%s"}]}' % escaped.encode()) == 202
    assert (
        traces.send(customers, b'{"customers":[{"wc_customer_id":4,"email":"a","email":"%s"}]}' % CANARY.encode())
        == 202
    )
    assert traces.send(customers, b'{"customers":[{"wc_customer_id":5,"email":"%s\\ud800"}]}' % CANARY.encode()) == 202
    assert traces.send(customers, b'{"customers":[],"%s":"%s"}' % (CANARY.encode(), CANARY.encode())) == 200
    assert traces.send(customers, whole, **{"Content-Encoding": "gzip"}) == 400
    assert traces.send(customers, gzip.compress(whole), **{"Content-Encoding": "gzip"}) == 202
    for broken in (whole[:-3], whole + b"\xff", whole.replace(b"5", b"NaN"), whole.replace(b"customers", b"people")):
        assert traces.send(customers, broken) == 400
    assert traces.send(customers, whole.replace(b"]}", b'],"syncMode":"%s"}' % CANARY.encode())) == 400
    assert traces.send(customers, b'"%s"' % CANARY.encode()) == 400
    assert traces.send("/api/sync/" + CANARY, whole) == 404
    assert traces.send(f"{customers}?email={CANARY}&{CANARY}", whole) == 202
    assert traces.send(customers, whole, **{"Content-Type": f"text/{CANARY}"}) == 415
    assert traces.send(customers, whole, **{"X-Request-Id": CANARY, "User-Agent": CANARY, "Prefer": CANARY}) == 202
    assert traces.send(customers, whole, Authorization=f"Bearer {CANARY}") == 401


def ask_with_it(traces: Traces) -> None:
    for query in ("status", "entity", "cursor", "limit", "source", CANARY):
        traces.get(f"/api/sync/jobs?{query}={CANARY}")
    traces.get(f"/api/sync/jobs/{CANARY}")
    traces.get("/api/sync/jobs", Cookie=f"email={CANARY}", Referer=CANARY, **{"If-None-Match": CANARY})


def provoke_failures(traces: Traces) -> None:
    """Errors of every kind, for error texts carry row values."""
    batch = [make_customer(wc_customer_id=FIRST_ID + 100, email=CANARY, display_name=f"{CONTROL} {CANARY}")]
    stack = traces.stack
    with broken(
        stack, "ALTER TABLE customers ADD CONSTRAINT t CHECK (external_id <> 1100) NOT VALID", "DROP CONSTRAINT t"
    ):
        assert outcome(traces, batch)["counts"]["invalid"] == 1
    stack.sql(
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '% %', NEW, current_query(); END $$"
    )
    with broken(
        stack, "CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION t()", "DISABLE TRIGGER t"
    ):
        assert outcome(traces, batch)["error"]["code"] == "INTERNAL"
        traces.command("jobs", "show", traces.jobs[-1])
    stack.sql("REVOKE INSERT ON sync_payloads FROM sluice_app")
    assert traces.post("customers", batch) == 500
    stack.sql("GRANT INSERT ON sync_payloads TO sluice_app")
    stack.kill("worker", signal.SIGKILL)
    assert outcome(traces, batch)["status"] == "completed"
    products = [make_product(wc_product_id=n, name=value) for n, value in enumerate(IN_TEXT, 1)]
    assert traces.post("products", products, Prefer="wait=20") == 200


@contextmanager
def broken(stack: Stack, spoil: str, mend: str) -> Iterator[None]:
    stack.sql(spoil)
    try:
        yield
    finally:
        stack.sql(f"ALTER TABLE customers {mend}")


def outcome(traces: Traces, batch: list[dict[str, Any]]) -> Any:
    assert traces.post("customers", batch) == 202
    (ended,) = traces.shop.wait_ended(traces.jobs[-1:])
    traces.ask_about(traces.jobs[-1:])
    return ended


def everything_in(redis: Redis) -> list[bytes]:
    """Each key and value of each type, and what the values hold compressed."""
    readers: dict[str, Callable[[str], Any]] = {
        "string": redis.get,
        "list": lambda key: redis.lrange(key, 0, -1),
        "set": redis.smembers,
        "zset": lambda key: redis.zrange(key, 0, -1),
        "hash": redis.hgetall,
        "stream": redis.xrange,
        "none": lambda _key: None,  # it went while we looked
    }
    keys = [text(key) for key in redis.scan_iter()]
    values = [part for key in keys for part in flat(readers[text(redis.type(key))](key))]
    return [key.encode("latin-1") for key in keys] + values + [inflated(value) for value in values]


def text(word: Any) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def flat(value: Any) -> list[bytes]:
    """All bytes in an answer of Redis, however nested."""
    if isinstance(value, bytes):
        return [value]
    parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
    return [found for part in parts or () for found in flat(part)]


def inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def kept_batches(data: bytes) -> list[bytes]:
    """Each batch that stands compressed somewhere in a file, inflated as far as it stands in one piece."""
    found = []
    at = data.find(FRAME)
    while at >= 0:
        with suppress(zstandard.ZstdError):
            found.append(zstandard.ZstdDecompressor().decompressobj().decompress(data[at : at + LONGEST_PIECE]))
        at = data.find(FRAME, at + 1)
    return found


def holds(data: bytes) -> bool:
    lowered = data.lower()
    return any(needle in lowered for needle in NEEDLES)


def test_no_file_holds_it(traces: Traces) -> None:
    files = [(path, holds(content)) for path, content in traces.stack.files()]
    assert any("pg_wal" in path.parts for path, _ in files)
    assert [str(path) for path, has_it in files if has_it] == []


def test_no_kept_batch_holds_it(traces: Traces) -> None:
    """Batches wait compressed, in tables and in the write-ahead log, so that a plain search would not see into them."""
    batches = [(path, batch) for path, content in traces.stack.files() for batch in kept_batches(content)]
    for room in ("base", "pg_wal"):
        assert any(room in path.parts and CONTROL.encode() in batch for path, batch in batches), room
    assert [str(path) for path, batch in batches if holds(batch)] == []


def test_the_hunt_finds_what_is_there(traces: Traces) -> None:
    digest = hashlib.sha256(CANARY.encode()).hexdigest()
    for wanted in (CONTROL.encode(), digest.encode()):
        found = [path for path, content in traces.stack.files() if wanted in content]
        assert any("base" in path.parts for path in found), "tables"
        assert any("pg_wal" in path.parts for path in found), "write-ahead log"
    assert any(traces.jobs[0].encode() in value for value in traces.redis)
    assert any(b"process_log" in value for value in traces.redis), "jobs are read inflated"


def test_redis_never_held_it(traces: Traces) -> None:
    assert [value for value in traces.redis if holds(value)] == []


def test_no_answer_holds_it(traces: Traces) -> None:
    assert [answer for answer in traces.answers if holds(answer)] == []


def test_no_log_line_holds_it(traces: Traces) -> None:
    assert traces.stack.up.logged("attempt_failed") and traces.stack.up.logged("request_failed")
    assert [line for line in traces.stack.log.splitlines() if holds(line.encode())] == []


def test_every_spelling_has_the_same_hash(traces: Traces) -> None:
    digest = hashlib.sha256(CANARY.encode()).hexdigest()
    query = "SELECT email_hash FROM customers WHERE store_id = %s AND external_id = ANY (%s)"
    wanted = list(range(FIRST_ID, FIRST_ID + len(SPELLINGS)))
    assert traces.stack.sql(query, traces.shop.id, wanted) == [(digest,)] * len(SPELLINGS)

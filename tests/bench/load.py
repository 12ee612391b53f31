"""A load generator in a process of its own: N clients with kept-alive connections, a bounded number of posts."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Load:
    """What to post where. `tokens` are taken in turn by the clients."""

    port: int
    path: str
    tokens: list[str]
    body_file: str
    clients: int
    requests: int
    gzip: bool


def run(load: Load) -> dict[str, float]:
    """Posts per second, and the 50th and 99th percentile in milliseconds; any answer but 202 is an error."""
    body = Path(load.body_file).read_bytes()
    times: list[float] = []
    wrong: list[int] = []
    share = load.requests // load.clients

    def client(number: int) -> None:
        headers = {
            "Authorization": f"Bearer {load.tokens[number % len(load.tokens)]}",
            "Content-Type": "application/json",
            **({"Content-Encoding": "gzip"} if load.gzip else {}),
        }
        connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=30)
        for _ in range(share):
            began = time.perf_counter()
            connection.request("POST", load.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - began)
            if answer.status != 202:
                wrong.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(load.clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if wrong or len(times) != share * load.clients:
        sys.exit(f"answers other than 202: {wrong[:5]}, {len(times)} answers in all")
    times.sort()
    return {
        "rate": len(times) / seconds,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Load(**json.loads(sys.argv[1])))) + "\n")

"""The load: a plugin that posts one batch after the other, and never gives one up."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.chaos.truth import Posted, Truth
from tests.support.stack import Shop

PAUSE_SECONDS = (0.1, 0.8)  # of each client between posts: below what two workers that keep dying can take


@dataclass
class Client:
    """A plugin: posts one batch after the other, with the same key again until there is a receipt."""

    shop: Shop
    truth: Truth
    answers: list[tuple[float, float]] = field(default_factory=list)  # (when, seconds) of each 202
    failure: str = ""

    def run(self, stop: threading.Event, pause: random.Random) -> None:
        while not stop.is_set() and not self.failure:
            batch = self.truth.next_batch()
            self._post(batch)
            time.sleep(pause.uniform(*PAUSE_SECONDS))

    def _post(self, batch: Posted) -> None:
        key = uuid4().hex
        while not self.failure:
            began = time.time()
            try:
                answer = self.shop.post(batch.entity, batch.records, Idempotency_Key=key)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code == 202:
                self.answers.append((began, time.time() - began))
                batch.job_id = answer.json()["data"]["jobId"]
                self.truth.accepted.append(batch)
                return
            if answer.status_code not in (429, 503):
                self.failure = f"{answer.status_code} {answer.text}"
            time.sleep(0.2)

"""Two API processes count as one, and one that is killed takes nothing from the totals."""

from __future__ import annotations

import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.factories import make_order
from tests.support.stack import Stack, processes, running_stack, send
from tests.support.waiting import wait_until

ACCEPTED = {"method": "POST", "route": "/api/sync/<entity>", "status": "202"}
MOST = {"state": "most"}


def value(stack: Stack, name: str, labels: dict[str, str]) -> float:
    answer = stack.http.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    found = [one.value for family in families for one in family.samples if (one.name, one.labels) == (name, labels)]
    return found[0] if found else 0.0


def web_processes(stack: Stack) -> list[int]:
    """The API's processes, without the one that starts them."""
    (master,) = stack.pids("api")
    return [pid for pid, (parent, _) in processes().items() if parent == master]


@pytest.mark.slow
def test_processes_count_together_and_a_killed_one_is_not_forgotten() -> None:
    with running_stack(WEB_WORKERS="2") as stack:
        shop = stack.create_store()
        for _ in range(20):  # each on a connection of its own, so that both processes have their share
            shop.accept("orders", [make_order()], Connection="close")
        assert value(stack, "sluice_http_requests_total", ACCEPTED) == 20
        wait_until(lambda: value(stack, "sluice_database_pool_connections", MOST) == 16, 30, "the pools of both")
        before = web_processes(stack)
        for pid in before:
            send(pid, signal.SIGKILL)
        wait_until(
            lambda: len(web_processes(stack)) == 2 and not set(web_processes(stack)) & set(before), 30, "new ones"
        )
        wait_until(lambda: stack.up.health() == 200, 30, "an API that serves")
        shop.accept("orders", [make_order()])
        assert value(stack, "sluice_http_requests_total", ACCEPTED) == 21
        wait_until(lambda: value(stack, "sluice_database_pool_connections", MOST) == 16, 30, "the pools of the living")


@pytest.mark.slow
def test_a_scrape_beside_frozen_servers_tells_that_they_do_not_answer() -> None:
    with running_stack() as stack:
        with stack.frozen("postgres"), stack.frozen("redis"):
            assert value(stack, "sluice_postgres_up", {}) == 0
            assert value(stack, "sluice_redis_up", {}) == 0
        assert wait_until(lambda: value(stack, "sluice_postgres_up", {}), 30, "PostgreSQL's return") == 1

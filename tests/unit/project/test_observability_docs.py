"""Rules and dashboard have the form of Prometheus and Grafana, and use only metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from app.metrics import pool, requests
from app.metrics.facts import Facts, FactsCollector, families
from db.insight.metrics import ItemGroup, LogGroup, PaceGroup, Totals, Watermarks
from tests.support.paths import ROOT
from workers.alerts.conditions import KINDS
from workers.core.queues import connect

DOCS = ROOT / "docs"
RULES = yaml.safe_load((DOCS / "prometheus-rules.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
RUNBOOKS = (DOCS / "runbooks.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
METRIC = re.compile(r"\bsluice_\w+\b")
DURATION = re.compile(r"(\d+[smhd])+")
SELECTOR = re.compile(r"(\w+)\{([^{}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
FULL = Facts(
    logs=[LogGroup("orders", "plugin", "ingest", "running", "queued", 1, 1.0, 1)],
    totals=[Totals("orders", "plugin", *range(10))],
    watermarks=[Watermarks("shopify", "orders", 1.0, 1.0, 1.0)],
    outbound=[ItemGroup("price", "pending", 1, 1, 1.0)],
    pace=[PaceGroup(False, 200, None, 1)],
    breaches=[("price", "queue", 1)],
    findings=[("order_imbalance", 1)],
    drift=[("name", 1)],
    alerts=[("log_failed", 1, 0)],
    marks={"tick": (1.0, 0.1), "watch": (1.0, 0.0)},
    connections=[("api", "idle", 1)],
)


@cache
def exposed() -> dict[str, set[str]]:
    """Every series that a scrape may hold, with its labels."""
    requests.note_request("GET", "/x", 404, 0.1, "NOT_FOUND")
    requests.note_records("orders", 1)
    pool.CONNECTIONS.labels("used").set(0)
    away = FactsCollector("postgresql://nobody@127.0.0.1:1/x", connect("redis://127.0.0.1:1/0"))
    found = {
        "up": {"job", "instance"},
        "sluice_queue_depth": {"queue", "instance"},
        "sluice_workers_alive": {"queue", "instance"},
    }
    for family in (*requests.REGISTRY.collect(), *families(FULL), *away.collect()):
        for sample in family.samples:
            found.setdefault(sample.name, {"instance"}).update(sample.labels)
    return found


ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in ALERTS)
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_queries_use_only_exposed_metrics(expression: str) -> None:
    names = set(METRIC.findall(expression))
    assert names or expression.startswith("up{")
    assert names <= exposed().keys()
    for name, matchers in SELECTOR.findall(expression):
        assert set(LABEL.findall(matchers)) <= exposed()[name], name
    assert all(expression.count(opened) == expression.count(closed) for opened, closed in ("()", "[]", "{}"))


def test_every_metric_is_shown_or_watched() -> None:
    base = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed() if not name.endswith("_created")}
    asked = {re.sub(r"_(bucket|count|sum)$", "", name) for one in expressions() for name in METRIC.findall(one)}
    left_out = {"sluice_database_pool_waited_total", "sluice_database_pool_wait_seconds_total", "up"}
    assert base - asked == left_out


def test_rules_have_the_form_of_prometheus() -> None:
    assert set(RULES) == {"groups"}
    names = [group["name"] for group in RULES["groups"]]
    assert len(set(names)) == len(names) and all(set(group) == {"name", "rules"} for group in RULES["groups"])
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS) > 15
    for rule in ALERTS:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[a-zA-Z_]\w*", rule["alert"])
        assert DURATION.fullmatch(rule.get("for", "0s"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]


def test_every_alert_says_what_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", OPERATIONS, re.MULTILINE)
    assert sorted(row for row in rows if not row.startswith("sluice_")) == sorted(KINDS)


def test_every_rule_links_to_its_runbook() -> None:
    sections = re.findall(r"^### (\w+)\n\n.+\n\n(.+)", RUNBOOKS, re.MULTILINE)
    assert [name for name, _ in sections] == [rule["alert"] for rule in ALERTS]
    assert all(len(what) > 20 for _, what in sections)
    for rule in ALERTS:
        url = rule["annotations"]["runbook_url"]
        assert url == f"https://sluice.example/docs/runbooks/#{rule['alert'].lower()}"


def test_every_metric_has_its_row_in_operations() -> None:
    rows = re.findall(r"^\| `(sluice_\w+)` \|", OPERATIONS, re.MULTILINE)
    base = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed() if not name.endswith("_created")}
    assert sorted(rows) == sorted(base - {"up"})


def test_the_dashboard_can_be_imported() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= DASHBOARD.keys()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    for panel in PANELS:
        assert len(panel["description"]) > 10, panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
        assert not overlaps(panel, [other for other in DASHBOARD["panels"] if other is not panel])


def overlaps(panel: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    one = panel["gridPos"]
    return one["x"] + one["w"] > 24 or any(
        one["x"] < two["x"] + two["w"]
        and two["x"] < one["x"] + one["w"]
        and one["y"] < two["y"] + two["h"]
        and two["y"] < one["y"] + one["h"]
        for two in (other["gridPos"] for other in others)
    )

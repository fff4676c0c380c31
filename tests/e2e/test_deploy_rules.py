"""deploy/prometheus/bellwire_rules.yml against the running program, and against
its own test, tests/rules: no metric that is not there, no alert untried."""
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load(
    (ROOT / "deploy/prometheus/bellwire_rules.yml").read_text())
ALERTS = [r for g in RULES["groups"] for r in g["rules"]]


def test_the_rules_ask_for_metrics_and_reasons_that_there_are(start):
    metrics = start("--deadman", "1h").metrics()
    names = {m.partition("{")[0] for m in metrics}
    reasons = {m for name in metrics for m in
               re.findall(r'^bellwire_rejected_total\{reason="(\w+)"', name)}
    asked = {m for a in ALERTS for m in
             re.findall(r"\b(?:bellwire|process)_\w+", a["expr"])}
    named = {m for a in ALERTS for group in
             re.findall(r'reason[=!]~"([^"]*)"', a["expr"])
             for m in group.split("|")}
    assert len(asked) >= 8 and len(named) >= 10
    assert asked <= names
    assert named <= reasons


def test_every_reason_but_not_ready_belongs_to_one_alert(server):
    """not_ready is what readiness answers; the sink's alert is for that."""
    reasons = re.findall(r'bellwire_rejected_total\{reason="(\w+)"\}',
                         " ".join(server.metrics()))
    matchers = [m for a in ALERTS for m in
                re.findall(r'reason([=!]~)"([^"]*)"', a["expr"])]
    assert len(matchers) == 3
    for reason in reasons:
        alerts = sum((op == "=~") == (reason in words.split("|"))
                     for op, words in matchers)
        assert alerts == (0 if reason == "not_ready" else 1), reason


def test_every_alert_is_tried_silent_and_firing():
    tests = yaml.safe_load(
        (ROOT / "tests/rules/bellwire_rules_test.yml").read_text())["tests"]
    tried = {(t["alertname"], bool(t.get("exp_alerts")))
             for test in tests for t in test["alert_rule_test"]}
    assert tried == {(a["alert"], fires) for a in ALERTS
                     for fires in (False, True)}


def test_every_alert_says_what_and_how_bad():
    for a in ALERTS:
        assert a["labels"]["severity"] in ("critical", "warning"), a
        summary = a["annotations"]["summary"]
        assert "{{ $labels.instance }}" in summary and "\n" not in summary, a
        assert a["annotations"]["description"].endswith("."), a

"""deploy/prometheus/dashboard.json: Prometheus scrapes a bellwire that has had to do,
and each query of each panel finds something there."""
import json
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from helpers import HERE, alert, payload, wait_for

DASHBOARD = json.loads(
    (HERE.parents[1] / "deploy/prometheus/dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
VARIABLES = {v["name"]: v for v in DASHBOARD["templating"]["list"]}
QUERIES = [(p["title"], t["expr"]) for p in PANELS for t in p["targets"]] + [
    (a["name"], a["expr"]) for a in DASHBOARD["annotations"]["list"]]
# A restart is seen when there was one.
EMPTY_IN_PEACE = {"Restarts"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, folder, target):
        self.port = free_port()
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
            "scrape_configs:\n  - job_name: bellwire\n    static_configs:\n"
            f"      - targets: ['{target}']\n")
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ask(self, query):
        """The samples that a query finds now."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + \
            urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as e:
            assert e.code == 503, (query, e.read())  # it has not started yet
        except urllib.error.URLError as e:
            assert isinstance(e.reason, ConnectionRefusedError), e
        return []

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def scraped(start, tmp_path):
    """A bellwire with everything that has a metric, and the eye on it."""
    server = start("--emit", "stdout", "--emit", f"fifo:{tmp_path}/fifo,wait=no",
                   "--spool", f"{tmp_path}/spool", "--deadman", "1h")
    prometheus = Prometheus(tmp_path, server.addresses[0])
    try:
        server.accepts(payload(alert("Bell")))
        assert server.post("{").status == 400
        wait_for("four scrapes", lambda: [
            r for r in prometheus.ask("count_over_time(up{job='bellwire'}[1m])")
            if float(r["value"][1]) >= 4])
        yield server, prometheus
    finally:
        prometheus.stop()


def filled_in(query, instance):
    for name, value in (("$__rate_interval", "1m"), ("$__interval", "1m"),
                        ("$job", "bellwire"), ("$instance", instance)):
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def test_every_query_of_every_panel_finds_something(scraped):
    server, prometheus = scraped
    found = {(title, query): prometheus.ask(
        filled_in(query, re.escape(server.addresses[0]).replace("\\", "\\\\")))
        for title, query in QUERIES}
    assert len(found) == len(QUERIES) > 25
    assert [k for k, v in found.items()
            if not v and k[0] not in EMPTY_IN_PEACE] == []
    accepted, = (v for (title, query), v in found.items()
                 if "bellwire_firing_alerts" in query)
    assert accepted[0]["value"][1] == "1"


def test_every_metric_of_bellwire_is_on_a_panel(start):
    names = {m.partition("{")[0] for m in start("--deadman", "1h").metrics()}
    shown = {m for _, query in QUERIES for m in
             re.findall(r"\b(?:bellwire|process)_\w+", query)}
    assert shown <= names
    assert {n for n in names - shown if n.startswith("bellwire_")} == set()


def test_the_dashboard_is_one_that_grafana_takes():
    """Its own rules: one id each, panels side by side, variables that exist."""
    ids = [p["id"] for p in PANELS]
    assert len(ids) == len(set(ids))
    cells = [(x, y) for p in PANELS for g in [p["gridPos"]]
             for x in range(g["x"], g["x"] + g["w"])
             for y in range(g["y"], g["y"] + g["h"])]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)
    assert set(VARIABLES) == {"datasource", "job", "instance"}
    for p in PANELS:
        assert p["title"] and p["datasource"]["uid"] == "${datasource}"
        refs = [t["refId"] for t in p["targets"]]
        assert len(refs) == len(set(refs))
        assert all(t["datasource"] == p["datasource"] for t in p["targets"])
        assert {m for t in p["targets"] for m in
                re.findall(r"\$(\w+)", t["expr"])} <= {
            *VARIABLES, "__rate_interval"}

"""Formats of the user's own: --template, and render to try one."""
import json

import pytest

from helpers import alert, names_in, payload, run, wait_for

ONE = {"status": "firing", "receiver": "web\\.hook", "alerts": [{
    "status": "firing",
    "labels": {"alertname": "Disk", "severity": "critical", "a.b": "x\ny"},
    "annotations": {"description": "too \"full\" \x1b[2J"},
    "startsAt": "2026-11-24T01:55:52.5Z", "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://g/", "fingerprint": "00ff"}],
    "notification_reason": "first\u202enotification"}

GOOD = [
    ("plain", "plain"),
    ("{status} {STATUS}", "firing FIRING"),
    ("{labels.alertname}/{labels.severity}", "Disk/critical"),
    ("{labels.a.b}", "x\\ny"),
    ("{annotations.description}", 'too "full" \\x1b[2J'),
    ("{startsAt} {endsAt}", "2026-11-24T01:55:52.5Z 0001-01-01T00:00:00Z"),
    ("{receiver} {fingerprint} {generatorURL}", "web\\.hook 00ff http://g/"),
    ("{reason}", "first\\u202enotification"),
    ("{labels}",
     '{alertname="Disk",severity="critical","a.b"="x\\ny"}'),
    ("{annotations.summary|annotations.description|\"-\"}",
     'too "full" \\x1b[2J'),
    ("{annotations.summary|\"none | {at} all: 3\"}", "none | {at} all: 3"),
    ("[{annotations.summary}]", "[]"),
    ("[{labels.alertname:8}]", "[Disk    ]"),
    ("[{labels.alertname:4}]", "[Disk]"),
    ("[{labels.severity:4}]", "[cri…]"),
    ("[{labels.nothing:3}]", "[   ]"),
    ("{{}} {{{status}", "{}} {firing"),
    ("größe", "größe"),
]


@pytest.mark.parametrize("template, line", GOOD)
def test_renders(template, line):
    p = run("render", "--template", f"t={template}", "--format", "t",
            stdin=json.dumps(ONE).encode())
    assert (p.returncode, p.stdout.decode(), p.stderr) == (0, line + "\n", b"")


@pytest.mark.parametrize("template", [
    "{", "{status", "{}", "{nope}", "{labels.}", "{annotations.}", "{status|}",
    "{status|nope}", "{\"open}", "a\tb", "\x1b", "{status:5000}"])
def test_a_wrong_one_exits_2_with_one_line(template):
    p = run("check", "--template", f"t={template}")
    assert p.returncode == 2
    assert p.stderr.decode().startswith("bellwire: --template: ")
    assert p.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["line", "json", "logfmt", "", "t"])
def test_names_are_new(name):
    p = run("check", "--template", "t=x", "--template", f"{name}=y")
    assert p.returncode == 2


def test_an_unknown_name_exits_2():
    p = run("check", "--emit", "stdout,format=nope")
    assert p.returncode == 2 and b"format=" in p.stderr


def test_a_sink_uses_it_and_notices_come_as_lines(start):
    server = start("--template", "short={STATUS} {labels.alertname}",
                   "--emit", "stdout,format=short,ascii=yes,width=12")
    server.accepts(payload(alert("Bell"), alert("AVeryLongName"),
                           truncatedAlerts=3))
    wait_for("three lines", lambda: len(server.lines()) == 3)
    assert server.lines()[:2] == ["FIRING Bell", "FIRING AVer>"]
    assert server.lines()[2].endswith(">")


def test_a_file_may_define_what_comes_later(tmp_path):
    file = tmp_path / "conf"
    file.write_text("emit = stdout,format=mine\ntemplate = mine={STATUS}\n")
    assert run("check", "-c", str(file)).returncode == 0

"""--deadman: the alert that a dead monitoring system cannot send."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from delivery_helpers import FifoReader
from helpers import (BELLWIRE, alert, get, group, names_in, payload, post,
                     post_chunked, run, wait_for)

NAME = "BellwireDeadMan"
FIRED = "bellwire_deadman_alert_firing"
WATCHDOG = "alertname=Watchdog"
SHORT, LONG = "300ms", "1h"


def watchdog(status="firing"):
    return alert("Watchdog", status=status)


def ours(lines):
    return [line for line in lines if NAME in line]


def wait_fired(server, n=1):
    return wait_for("the switch", lambda: len(ours(server.lines())) >= n and
                    ours(server.lines()))


def test_off(start):
    for options in ((), ("--deadman", "0")):
        server = start(*options)
        assert FIRED not in server.metrics()
    time.sleep(0.4)
    assert server.lines() == []


def test_fires_once_and_resolves_once(start):
    server = start("--deadman", SHORT)
    wait_fired(server)
    time.sleep(1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ FIRING critical "
                        + NAME + " no notification has come for 300ms",
                        server.lines()[0])
    assert len(server.lines()) == 1
    metrics = server.metrics()
    assert metrics[FIRED] == 1
    # it is no alert that came
    assert metrics['bellwire_alerts_total{status="firing"}'] == 0
    server.accepts(payload(alert("One")))
    wait_fired(server, 2)
    assert names_in(server.lines()[1:3]) == ["One", NAME]
    assert re.fullmatch(r"\S+ RESOLVED critical " + NAME +
                        " notifications come again", server.lines()[2])
    # and again: the switch is as good as new
    assert len(wait_fired(server, 3)) == 3
    assert " FIRING " in ours(server.lines())[2]


def test_notifications_keep_it_quiet(start):
    server = start("--deadman", "1500ms")
    end = time.monotonic() + 3
    n = 0
    while time.monotonic() < end:
        server.accepts(payload(alert(f"A{n}")) if n % 2 else payload())
        n += 1
        time.sleep(0.05)
    assert server.metrics()[FIRED] == 0
    assert ours(server.lines()) == []


def test_what_does_not_feed_it(start):
    """Scrapes and refused requests are no notifications."""
    server = start("--deadman", SHORT)
    wait_fired(server)
    server.ask(get("/metrics"))
    server.ask(get("/-/healthy"))
    assert server.ask(post(b"{")).status == 400
    assert server.ask(post(b"{}")).status == 422
    assert server.ask(post(payload(alert()), target="/x")).status == 404
    time.sleep(0.3)
    assert server.metrics()[FIRED] == 1
    # the shortest notification does
    server.accepts(payload())
    wait_fired(server, 2)


def test_json_is_as_alertmanager_would_send_it(start):
    server = start("--deadman", SHORT, "--emit", "stdout,format=json")
    wait_fired(server)
    server.accepts(payload())
    wait_fired(server, 2)
    fired, resolved = (json.loads(x) for x in ours(server.lines())[:2])
    assert fired["labels"] == {"alertname": NAME, "severity": "critical"}
    assert fired["labels"] == resolved["labels"]
    assert (fired["status"], resolved["status"]) == ("firing", "resolved")
    assert fired["endsAt"] == "0001-01-01T00:00:00Z"
    assert fired["startsAt"] == resolved["startsAt"] <= resolved["endsAt"]
    assert fired["fingerprint"] == resolved["fingerprint"]
    assert re.fullmatch("[0-9a-f]{16}", fired["fingerprint"])


def test_alerts_page_lists_it(start):
    server = start("--deadman", SHORT)
    wait_fired(server)
    assert [a["labels"]["alertname"] for a in
            json.loads(server.ask(get("/alerts")).body)] == [NAME]
    server.accepts(payload())
    wait_for("an empty list", lambda: json.loads(
        server.ask(get("/alerts")).body) == [])


# --- with labels ------------------------------------------------------------

def test_only_the_watchdog_feeds_it_and_is_not_emitted(start):
    server = start("--deadman", f"{SHORT},{WATCHDOG}")
    server.accepts(payload(alert("Other"), watchdog("resolved")))
    wait_fired(server)
    assert server.lines()[-1].endswith(
        "no notification that feeds the switch has come for 300ms")
    server.accepts(payload(alert("Other2")))
    time.sleep(0.2)
    assert len(ours(server.lines())) == 1
    server.accepts(payload(alert("Other3"), watchdog()))
    wait_fired(server, 2)
    server.accepts(payload(watchdog("resolved")))
    assert "Watchdog" not in server.output().decode()
    assert [n for n in names_in(server.lines()) if n != NAME] == \
        ["Other", "Other2", "Other3"]


def test_all_labels_must_match(start):
    server = start("--deadman", f"{SHORT},{WATCHDOG},site=a=b")
    wait_fired(server)
    server.accepts(payload(watchdog()))
    server.accepts(payload(alert("W", labels={"site": "a=b"})))
    time.sleep(0.2)
    assert len(ours(server.lines())) == 1
    server.accepts(payload(alert("Watchdog", labels={"site": "a=b"})))
    wait_fired(server, 2)
    assert [n for n in names_in(server.lines()) if n != NAME][:2] == \
        ["Watchdog", "W"]


def test_a_sink_that_asks_for_the_watchdog_gets_it(start, tmp_path):
    fifo = tmp_path / "fifo"
    name = f"fifo:{fifo}"
    server = start("--deadman", f"{LONG},{WATCHDOG}", "--emit", "stdout",
                   "--emit", f"{name},match={WATCHDOG}")
    with FifoReader(fifo) as reader:
        server.accepts(payload(alert("One"), watchdog()))
        assert names_in(reader.until_lines(1)) == ["Watchdog"]
    assert names_in(server.lines()) == ["One"]


def test_large_and_chunked_bodies_feed_it(start):
    server = start("--deadman", f"{SHORT},{WATCHDOG}", "--emit",
                   "stdout,match=alertname=" + NAME)
    body = group(200, pad=300)
    body["alerts"].insert(100, watchdog())
    for n, send in enumerate((post, post_chunked)):
        wait_fired(server, 2 * n + 1)
        assert server.ask(send(body)).status == 200
        wait_fired(server, 2 * n + 2)


def test_a_full_spool_delays_it_and_does_not_lose_it(start, tmp_path):
    """Without a reader there is no room; the alert comes when there is."""
    fifo = tmp_path / "fifo"
    server = start("--deadman", "1s", "--ack-timeout", "50ms",
                   "--emit", f"fifo:{fifo}")
    for size in (20000, 2000, 200, 20):
        n = 0
        while "no room" not in server.post(
                payload(alert(f"S{size}_{n}", pad="p" * size))).text():
            n += 1
    # and with what is smaller than any other alert
    n = 0
    while "no room" not in server.post(
            {"status": "firing", "alerts": [{"labels": {"n": f"{n}"}}]}
            ).text():
        n += 1
    time.sleep(1.2)
    assert server.metrics()[FIRED] == 0, "there was room"
    with FifoReader(fifo) as reader:
        reader.until("the alert", lambda got: NAME.encode() in got)
    assert server.metrics()[FIRED] == 1


# --- restarts ---------------------------------------------------------------

@pytest.mark.parametrize("how", ["kill", "stop"])
def test_survives_restarts_with_a_spool(start, tmp_path, how):
    options = ("--deadman", SHORT, "--spool", str(tmp_path / "spool"))

    def end(server):
        # written is not yet known to be written: until then it may come again
        wait_for("the spool",
                 lambda: server.metrics()["bellwire_spool_bytes"] == 0)
        server.metrics()  # the turn after that
        if how == "kill":
            server.ended_by_test = True
            server.kill()
        else:
            server.stop()
            server.ended_by_test = True

    first = start(*options)
    wait_fired(first)
    wait_for("the gauge", lambda: first.metrics()[FIRED] == 1)
    end(first)
    second = start(*options)
    assert second.metrics()[FIRED] == 1
    assert [a["labels"]["alertname"] for a in
            json.loads(second.ask(get("/alerts")).body)] == [NAME]
    time.sleep(0.8)
    assert second.lines() == []
    end(second)
    # a switch that is not thrown again, however long the spool takes
    third = start("--deadman", LONG, *options[2:])
    third.accepts(payload())
    wait_fired(third, 1)
    assert " RESOLVED " in third.lines()[0]
    end(third)
    fourth = start("--deadman", LONG, *options[2:])
    assert fourth.metrics()[FIRED] == 0
    fourth.accepts(payload())
    time.sleep(0.2)
    assert ours(fourth.lines()) == []


def test_an_alert_still_queued_at_the_end_comes_once(start, tmp_path):
    fifo = tmp_path / "fifo"
    options = ("--deadman", SHORT, "--spool", str(tmp_path / "spool"),
               "--emit", f"fifo:{fifo}", "--ack-timeout", "100ms")
    server = start(*options)
    wait_for("the switch", lambda: server.metrics()[FIRED] == 1)
    server.ended_by_test = True
    server.kill()
    server = start(*options)
    with FifoReader(fifo) as reader:
        assert len(ours(reader.until_lines(1))) == 1
        time.sleep(0.6)
        reader.silence()
        server.accepts(payload())
        assert " RESOLVED " in reader.until_lines(2)[1]


def test_a_power_cut_does_not_forget_it(tmp_path):
    """That the alert is out is safe on disk before its line can be read, or it
    would come again after the cut, and the first never be resolved."""
    trace = tmp_path / "trace"
    with subprocess.Popen(
            ["strace", "-s", "200", "-o", str(trace), "-e",
             "trace=pwrite64,fdatasync,write", BELLWIRE, "--listen",
             "127.0.0.1:0", "--deadman", SHORT, "--spool",
             str(tmp_path / "spool")], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert NAME in process.stdout.readline().decode()
        finally:
            pid = process.pid
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                for child in f.read().split():
                    os.kill(int(child), signal.SIGKILL)
    before, line, _ = trace.read_text().partition(f" critical {NAME}")
    assert line
    calls = re.findall(r"^(pwrite64|fdatasync)\(", before, re.M)
    assert calls[-1] == "fdatasync", calls


def test_without_a_spool_it_starts_anew(start):
    server = start("--deadman", LONG)
    assert server.metrics()[FIRED] == 0


def test_off_after_it_fired(start, tmp_path):
    spool = ("--spool", str(tmp_path / "spool"))
    first = start("--deadman", SHORT, *spool)
    wait_fired(first)
    wait_for("the gauge", lambda: first.metrics()[FIRED] == 1)
    first.stop()
    first.ended_by_test = True
    second = start(*spool)
    assert FIRED not in second.metrics()
    assert json.loads(second.ask(get("/alerts")).body) == []


# --- the option -------------------------------------------------------------

@pytest.mark.parametrize("value, right", [
    ("", "such as 5m"), ("x", "such as 5m"), ("5", "such as 5m"),
    ("5m,", "LABEL=VALUE"), ("5m,x", "LABEL=VALUE"), ("5m,=x", "LABEL=VALUE"),
    ("0" * 300 + "5m", "such as 5m"),
    (",a=b", "such as 5m"), ("5m," + ",".join(f"l{i}=x" for i in range(9)),
                             "at most 8"),
    (f"5m,alertname={NAME}", "itself does not have"),
    ("5m,severity=critical", "itself does not have"),
    ("5m,team=", "itself does not have"),  # nor has it that label
    ("5m,severity=critical,team=", "itself does not have"),
])
def test_wrong_values(value, right):
    done = run("check", "--deadman", value)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert right.encode() in done.stderr


@pytest.mark.parametrize("value", [
    "0", "5m", f"5m,{WATCHDOG}", "1h,severity=critical,alertname=W", "500ms",
    "5m,severity=none", "5m,severity=", "5m,a=,b=c"])
def test_good_values(value):
    assert run("check", "--deadman", value).returncode == 0


def test_an_alert_that_no_sink_takes_is_told(start):
    options = ("--deadman", LONG, "--emit", "stdout,match=team=ops")
    warning = b"# warning: no sink takes the dead man's alert\n"
    assert run("check", *options).stdout.endswith(warning)
    assert warning not in run("check", *options[:2]).stdout
    assert "no sink takes the dead man's alert" in start(*options).log()
    assert "no sink" not in start(*options[:2]).log()


def test_max_age_does_not_skip_it(start, tmp_path):
    fifo = tmp_path / "fifo"
    server = start("--deadman", SHORT, "--max-age", "100ms", "--spool",
                   str(tmp_path / "spool"), "--emit", f"fifo:{fifo}")
    wait_for("the switch", lambda: server.metrics()[FIRED] == 1)
    time.sleep(0.5)
    with FifoReader(fifo) as reader:
        assert len(ours(reader.until_lines(1))) == 1


def test_a_large_body_feeds_it_while_it_comes(start):
    # the first 32 KiB could still be a whole body
    server = start("--deadman", "3s")
    request = post_chunked(group(80, pad=1000), size=1000)
    with server.connect() as c:
        for i in range(0, len(request), 5000):
            c.send(request[i:i + 5000])
            time.sleep(0.25)
        assert c.answer().status == 200
    assert len(request) > 80000
    assert ours(server.lines()) == []

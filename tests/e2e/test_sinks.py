"""Several sinks at once, what each of them wants, and alerts that are known."""
import json
import os
import time

import pytest

from delivery_helpers import (Background, FifoReader, Terminal, count_in,
                              notices, numbered, refused, send_until_200,
                              wait_down, wait_lines, wait_up)
from helpers import (alert, as_lines, group, names_in, payload, post,
                     read_logfmt, wait_for)

QUICK = ("--ack-timeout", "150ms")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "bell")


class Many:
    """Sinks of a server, each with its keys: FIFOs with readers, and what
    these have got."""

    def __init__(self, start, path, keys, *options):
        self.paths = [f"{path}{i}" for i in range(len(keys))]
        for p in self.paths:
            os.mkfifo(p)
        self.readers = [FifoReader(p) for p in self.paths]
        self.server = start(*(x for p, k in zip(self.paths, keys)
                              for x in ("--emit", f"fifo:{p}{k}")), *options)

    def post(self, body):
        self.server.accepts(body)
        return [self.got(i) for i in range(len(self.paths))]

    def got(self, i):
        """A 200 says that it is in the pipe."""
        while self.readers[i].some():
            pass
        got, self.readers[i].got = self.readers[i].got, b""
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for r in self.readers:
            r.close()


# --- each its own ------------------------------------------------------------

def test_each_sink_has_its_own_format_and_filter(start, path):
    keys = ["", ",format=json", ",format=logfmt", ",match=severity=page",
            ",resolved=no", ",eol=crlf,width=30", ",ascii=yes",
            ",bell=severity=page"]
    body = payload(
        alert("Caf\u00e9", labels={"severity": "page"}),
        alert("Gone", status="resolved", labels={"severity": "warning"}))
    with Many(start, path, keys) as many:
        line, json_, logfmt, page, firing, narrow, ascii_, bell = \
            many.post(body)
    assert [json.loads(x)["labels"]["alertname"]
            for x in as_lines(json_)] == ["Caf\u00e9", "Gone"]
    assert [read_logfmt(x)["severity"] for x in as_lines(logfmt)] == \
        ["page", "warning"]
    both = as_lines(line)
    assert len(both) == 2 and "RESOLVED" in both[1]
    assert as_lines(page) == both[:1]
    assert as_lines(firing) == both[:1]
    assert [len(x) for x in as_lines(narrow, "\r\n")] == [30, 30]
    assert as_lines(ascii_)[0] == both[0].replace("\u00e9", "?")
    assert [x.startswith("\a") for x in as_lines(bell)] == [True, False]
    assert bell.replace(b"\a", b"") == line


SET = [{"team": "db", "severity": "page"}, {"team": "db", "severity": "info"},
       {"team": "web", "severity": "page"}, {"severity": "page"}, {"team": ""}]


@pytest.mark.parametrize("keys, wanted", [
    (",match=team=db", [0, 1]),
    (",match=team!=db", [2, 3, 4]),
    (",match=team=", [3, 4]),
    (",match=team!=", [0, 1, 2]),
    (",match=team=db,match=severity=page", [0]),
    (",match=team!=db,match=team!=web", [3, 4]),
    (",match=severity=page,match=severity=info", []),
    (",match=absent=x", []),
    (",match=absent!=x", [0, 1, 2, 3, 4]),
    (",match=alertname=A3", [3]),
    (",match=team=DB", []),
    (",match=team=d", []),
])
def test_match(start, path, keys, wanted):
    body = payload(*({**alert(f"A{i}"),
                      "labels": {"alertname": f"A{i}", **labels}}
                     for i, labels in enumerate(SET)))
    with Many(start, path, [keys, ""]) as many:
        some, all_ = many.post(body)
        assert names_in(as_lines(all_)) == [f"A{i}" for i in range(5)]
        assert names_in(as_lines(some)) == [f"A{i}" for i in wanted]


def test_an_alert_that_nobody_wants_is_safe_at_once_and_counted(start, path):
    with Many(start, path, [",match=team=db", ",resolved=no"], *QUICK) as many:
        got = many.post(payload(alert("Gone", status="resolved")))
        assert got == [b"", b""]
        metrics = many.server.metrics()
        assert metrics['bellwire_alerts_total{status="resolved"}'] == 1
        assert metrics["bellwire_spool_bytes"] == 0


def test_stdout_a_fifo_and_a_serial_line_at_once(start, path):
    with Terminal() as terminal:
        server = start("--emit", "stdout", "--emit", f"fifo:{path}", "--emit",
                       f"serial:{terminal.path}")
        with FifoReader(path) as reader:
            wait_up(server, f"fifo:{path}")
            server.accepts(group(10))
            assert names_in(reader.until_lines(10)) == numbered(0, 10)
            assert names_in(terminal.until_lines(10, eol="\r\n")) == \
                numbered(0, 10)
            assert names_in(server.lines()) == numbered(0, 10)
            metrics = server.metrics()
            for sink in ("stdout", f"fifo:{path}", f"serial:{terminal.path}"):
                label = f'{{sink="{sink}"}}'
                assert metrics["bellwire_sink_lines_total" + label] == 10
                assert metrics["bellwire_sink_up" + label] == 1
                assert metrics["bellwire_sink_errors_total" + label] == 0


# --- one stalls, another lives ------------------------------------------------

def test_alerts_that_only_a_live_sink_wants_get_200(start, path):
    server = start("--emit", f"fifo:{path},match=team=db", "--emit",
                   "stdout,match=team=web", *QUICK)
    refused(server, payload(alert("Db", labels={"team": "db"})))
    for i in range(10):
        server.accepts(payload(alert(f"Web{i}", labels={"team": "web"})))
    assert names_in(server.lines()) == numbered(0, 10, "Web")


@pytest.mark.parametrize("spool", [False, True])
def test_a_sink_that_is_absent_holds_up_no_alert_that_it_does_not_want(
        start, path, tmp_path, spool):
    """Far more of them than the spool has room for; nothing waits."""
    server = start("--emit", f"fifo:{path},match=team=db", "--emit",
                   "stdout,match=team=web", *QUICK,
                   *(("--spool", f"{tmp_path}/spool,size=256K") if spool
                     else ()))
    expected = []
    for i in range(60):
        send_until_200(server, payload(*(
            alert(f"W{i}x{k}", labels={"team": "web"},
                  annotations={"summary": "x" * 500}) for k in range(20))),
            seconds=5, pause=0.05)
        expected += numbered(0, 20, f"W{i}x")
    wait_for("all", lambda: len(server.lines()) == 1200)
    assert names_in(server.lines()) == expected
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        server.accepts(payload(alert("Last", labels={"team": "db"})))
        assert names_in(reader.until_lines(1)) == ["Last"]


def test_a_group_of_which_a_part_is_for_a_stalled_sink(start, path):
    """503 until that part is out; the other part comes at once, and once."""
    server = start("--emit", f"fifo:{path},match=team=db", "--emit", "stdout",
                   *QUICK)
    body = payload(alert("Web"), alert("Db", labels={"team": "db"}))
    for _ in range(3):
        refused(server, body)
    assert names_in(server.lines()) == ["Web", "Db"]
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, body)
        assert names_in(reader.until_lines(1)) == ["Db"]
        reader.silence(0.1)
    assert names_in(server.lines()) == ["Web", "Db"]


# --- notices -------------------------------------------------------------------

def test_a_notice_goes_to_every_sink_whatever_it_filters(start, path):
    keys = [",match=team=db", ",match=alertname!=Bell,resolved=no",
            ",format=json,match=x=y", ",format=logfmt,match=x=y"]
    with Many(start, path, keys) as many:
        line, other, json_, logfmt = many.post(
            payload(alert("Bell"), truncatedAlerts=5))
    for got in (line, other):
        notice, = as_lines(got)
        assert " NOTICE " in notice and count_in(notice) == 5
    told = json.loads(as_lines(json_)[0])
    assert (told["notice"], told["count"]) == ("truncated", 5)
    assert read_logfmt(as_lines(logfmt)[0])["notice"] == "truncated"


def test_a_notice_is_sent_again_as_alerts_are(start, path):
    server = start("--emit", f"fifo:{path},match=x=y", "--emit", "stdout",
                   *QUICK)
    body = payload(alert("Bell"), truncatedAlerts=7)
    for _ in range(3):
        refused(server, body)
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, body)
        notice, = reader.until_lines(1)
        assert count_in(notice) == 7
        reader.silence(0.1)
        assert len(notices(server.lines())) == 1
        server.accepts(body)
        assert len(notices(reader.until_lines(2))) == 2
        assert len(notices(server.lines())) == 2


# --- alerts that are known ------------------------------------------------------

def test_a_repeat_after_200_is_emitted_again(start, path):
    with Many(start, path, [""]) as many:
        for _ in range(3):
            got, = many.post(group(2))
            assert names_in(as_lines(got)) == numbered(0, 2)
        assert many.server.metrics()["bellwire_duplicates_total"] == 0


def test_sent_again_after_503_is_emitted_once(start, path):
    server = start("--emit", f"fifo:{path}", *QUICK)
    for _ in range(3):
        refused(server, group(5))
    # it was written meanwhile, and then sent again
    with FifoReader(path) as reader:
        assert names_in(reader.until_lines(5)) == numbered(0, 5)
        server.accepts(group(5))
        reader.silence()
        server.accepts(group(5))  # and this is a new notification
        assert names_in(reader.until_lines(10)) == numbered(0, 5) * 2


def test_a_group_that_grows_between_two_sendings(start, path):
    """Alertmanager flushes what it has then."""
    server = start("--emit", f"fifo:{path}", *QUICK)
    for n in range(1, 5):
        refused(server, group(n))
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, group(5))
        assert names_in(reader.until_lines(5)) == numbered(0, 5)
        reader.silence(0.1)


def test_4096_written_but_unacknowledged_alerts_are_all_recognised(start,
                                                                   path):
    """All of them are for stdout and were written; the last alert of the
    request is for a FIFO that nobody reads."""
    server = start("--emit", f"fifo:{path},match=team=db", "--emit",
                   "stdout,match=team!=db", "--ack-timeout", "600ms")
    body = payload(*(alert(f"B{i}", annotations={}) for i in range(4096)),
                   alert("Db", labels={"team": "db"}))
    expected = numbered(0, 4096, "B")
    for _ in range(2):
        answer = server.post(body)
        assert answer.status == 503
        wait_for("stdout", lambda: len(server.lines()) >= 4096)
        assert names_in(server.lines()) == expected
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, body)
        assert names_in(reader.until_lines(1)) == ["Db"]
        reader.silence(0.1)
    assert names_in(server.lines()) == expected


def test_4096_alerts_of_connections_that_broke_are_all_recognised(start):
    server = start()
    body = group(4096)
    request = post(body)
    with server.connect() as c:
        c.send(request[:-200])
        wait_for("stdout", lambda: len(server.lines()) >= 4000)
    server.accepts(body)
    assert names_in(server.lines()) == numbered(0, 4096)


# --- --dedup -----------------------------------------------------------------------

def from_am(n, *alerts):
    return payload(*alerts, externalURL=f"http://am{n}.example",
                   receiver=f"hook{n}", groupKey=f"{{}}:{{am=\"{n}\"}}")


def test_two_alertmanagers_without_dedup_are_two_notifications(start, path):
    with Many(start, path, [""]) as many:
        for n in (1, 2):
            got, = many.post(from_am(n, alert("Bell")))
            assert names_in(as_lines(got)) == ["Bell"]


def test_dedup_emits_once_within_its_time_and_again_after_it(start, path):
    with Many(start, path, [""], "--dedup", "1500ms") as many:
        begin = time.monotonic()
        got, = many.post(from_am(1, alert("Bell")))
        assert names_in(as_lines(got)) == ["Bell"]
        second, = many.post(from_am(2, alert("Bell")))
        third, = many.post(from_am(1, alert("Bell")))
        if time.monotonic() - begin < 1.4:
            assert second == third == b""
            metrics = many.server.metrics()
            assert metrics["bellwire_duplicates_total"] == 2
            assert metrics['bellwire_alerts_total{status="firing"}'] == 1
        time.sleep(max(0, begin + 2 - time.monotonic()))
        got, = many.post(from_am(2, alert("Bell")))
        assert names_in(as_lines(got)) == ["Bell"]


def test_dedup_tells_other_alerts_apart(start, path):
    different = [
        alert("Bell"), alert("Bell", labels={"x": "y"}),
        alert("Bell", startsAt="2026-11-24T02:00:01Z"),
        alert("Bell", status="resolved"), alert("Bells")]
    same = [alert("Bell", annotations={"summary": "else"}),
            alert("Bell", generatorURL="http://prom2.example/")]
    with Many(start, path, [""], "--dedup", "1h") as many:
        for a in different:
            got, = many.post(from_am(1, a))
            assert len(as_lines(got)) == 1, a
        for a in different + same:
            got, = many.post(from_am(2, a))
            assert got == b"", a


def test_dedup_within_one_request(start, path):
    with Many(start, path, [""], "--dedup", "1h") as many:
        got, = many.post(payload(alert("Bell"), alert("Other"), alert("Bell")))
        assert names_in(as_lines(got)) == ["Bell", "Other"]


def test_dedup_gives_no_200_before_the_first_one_is_out(start, path):
    server = start("--emit", f"fifo:{path}", "--dedup", "1h", *QUICK)
    refused(server, from_am(1, alert("Bell")))
    refused(server, from_am(2, alert("Bell")))
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, from_am(2, alert("Bell")))
        send_until_200(server, from_am(1, alert("Bell")))
        assert names_in(reader.until_lines(1)) == ["Bell"]
        reader.silence(0.1)


# --- --max-age ---------------------------------------------------------------------

def test_max_age_skips_what_waited_with_one_line(start, path):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", "--max-age",
                   "3s", *QUICK)
    for i in range(4):
        refused(server, group(5, name=f"Old{i}x"))
    time.sleep(3.3)
    refused(server, group(2, name="New"))
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        send_until_200(server, group(2, name="New"))
        lines = reader.until_lines(3)
        reader.silence()
        assert " NOTICE " in lines[0]
        assert count_in(lines[0]) == 20
        assert names_in(lines[1:]) == numbered(0, 2, "New")
    # the other sink had no outage
    assert names_in(server.lines()) == \
        [n for i in range(4) for n in numbered(0, 5, f"Old{i}x")] + \
        numbered(0, 2, "New")


def test_max_age_counts_only_what_the_sink_wants(start, path):
    server = start("--emit", f"fifo:{path},match=team=db", "--max-age",
                   "300ms", *QUICK)
    server.post(payload(*(alert(f"A{i}", labels={"team": "db" if i % 2
                                                 else "web"})
                          for i in range(10))))
    time.sleep(0.5)
    with FifoReader(path) as reader:
        line, = reader.until_lines(1)
        assert count_in(line) == 5
        reader.silence(0.1)


def test_max_age_and_the_sender_gets_its_200(start, path):
    """They are settled: sent again, they are not emitted either."""
    server = start("--emit", f"fifo:{path}", "--max-age", "300ms", *QUICK)
    refused(server, group(5))
    time.sleep(0.5)
    with FifoReader(path) as reader:
        line, = reader.until_lines(1)
        assert count_in(line) == 5
        server.accepts(group(5))
        reader.silence(0.2)


def test_max_age_is_kept_in_a_spool_over_a_restart(start, path, tmp_path):
    options = ("--emit", f"fifo:{path}", "--spool", str(tmp_path / "spool"))
    server = start(*options)
    server.accepts(group(5))
    server.kill()
    server.ended_by_test = True
    time.sleep(2.2)  # the file has whole seconds
    server = start(*options, "--max-age", "1s")
    with FifoReader(path) as reader:
        line, = reader.until_lines(1)
        assert count_in(line) == 5
        server.accepts(group(1, name="New"))
        assert names_in(reader.until_lines(2)[1:]) == ["New0"]


def test_max_age_also_holds_for_a_reader_that_stalled(start, path):
    server = start("--emit", f"fifo:{path}", "--max-age", "500ms", *QUICK)
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        first = group(150, name="First", pad=500)
        refused(server, first)  # the pipe is full now
        refused(server, group(60, name="Old"))
        time.sleep(1)
        reading = Background(reader)
        wait_for("the end", lambda: server.metrics()
                 ["bellwire_spool_bytes"] == 0)
        reading.stop()
        lines = reader.until_lines(1)
    told = notices(lines)
    old = [n for n in names_in([x for x in lines if x not in told])
           if n.startswith("Old")]
    assert old == [], f"{len(old)} that waited far longer were emitted"
    assert sum(map(count_in, told)) + len(lines) - len(told) == 210


def test_max_age_and_a_reader_that_leaves_within_a_line(start, path):
    """What was skipped and told of is not emitted after all."""
    server = start("--emit", f"fifo:{path}", "--max-age", "3s",
                   "--ack-timeout", "50ms")
    refused(server, group(10, name="Old"))
    time.sleep(3.3)
    with FifoReader(path) as reader:
        wait_lines(server, f"fifo:{path}", 1)
        send_until_200(server, group(5, name="New"))
        notice, one = reader.take_lines(2)
        assert count_in(notice) == 10
        assert names_in([one]) == ["New0"]
        reader.take(30)
    wait_down(server, f"fifo:{path}")
    with FifoReader(path) as after:
        after.until("the last", lambda got: b"New4 " in got and
                    got.endswith(b"\n"))
        assert names_in(after.until_lines(1)) == numbered(1, 5, "New")
        after.silence(0.1)


def test_max_age_twice_and_a_reader_that_leaves_within_a_line(start, path):
    """What was skipped is not emitted, what was not is not lost, wherever the
    reader leaves."""
    server = start("--emit", f"fifo:{path}", "--max-age", "3s",
                   "--ack-timeout", "50ms")
    refused(server, group(10, name="OldA"))
    time.sleep(3.3)
    first = FifoReader(path)
    wait_lines(server, f"fifo:{path}", 1)
    send_until_200(server, group(5, name="NewA"))
    first.close()
    wait_down(server, f"fifo:{path}")
    refused(server, group(10, name="OldB"))
    time.sleep(3.3)
    second = FifoReader(path)
    wait_up(server, f"fifo:{path}")
    send_until_200(server, group(2, name="NewB"))
    notice, one = second.take_lines(2)
    assert count_in(notice) == 10
    assert names_in([one]) == ["NewA0"]
    second.take(30)
    second.close()
    wait_down(server, f"fifo:{path}")
    with FifoReader(path) as third:
        third.until("the last", lambda got: b"NewB1 " in got and
                    got.endswith(b"\n"))
        third.silence(0.1)
        lines = third.until_lines(1)
    told = notices(lines)
    assert names_in([x for x in lines if x not in told]) == \
        numbered(1, 5, "NewA") + numbered(0, 2, "NewB")
    assert [count_in(x) for x in told] == [10]

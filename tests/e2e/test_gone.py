"""A sink that is gone, or stalls, delays no other; and one that nobody waits
for (wait=no)."""
import json
import os
import re
import signal
import time

import pytest

from delivery_helpers import FifoReader, Terminal, numbered, wait_down, wait_up
from helpers import (DEADLINE, alert, as_lines, get, group, names_in, payload,
                     post, wait_for)

QUICK = ("--ack-timeout", "150ms")
ROUNDS, SIZE = 30, 40  # more than the memory of 256 KiB holds


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "bell")


def named(i):
    return group(SIZE, name=f"G{i}x", pad=300)


def names_of(i):
    return numbered(0, SIZE, f"G{i}x")


def all_names(rounds):
    return [n for i in rounds for n in names_of(i)]


def test_a_sink_without_reader_delays_no_other(start, path):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *QUICK)
    for i in range(ROUNDS):
        assert server.post(named(i)).status == 503
        assert names_in(server.lines())[-SIZE:] == names_of(i)
    assert names_in(server.lines()) == all_names(range(ROUNDS))
    metrics = server.metrics()
    assert metrics["bellwire_spool_bytes"] <= \
        metrics["bellwire_spool_size_bytes"] * 3 / 4
    assert metrics[f'bellwire_sink_dropped_total{{sink="fifo:{path}"}}'] > SIZE


def test_each_is_written_once_and_none_is_missing_when_it_comes_back(start,
                                                                    path):
    """What the sender still has, it sends again: the sink that was gone gets
    all of it, the other one nothing twice."""
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *QUICK)
    for i in range(ROUNDS):
        assert server.post(named(i)).status == 503
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        left = set(range(ROUNDS))

        def all_taken():
            for i in sorted(left):
                if server.post(named(i)).status == 200:
                    left.discard(i)
                reader.some()
            return not left
        wait_for("200 for each", all_taken)
        lines = reader.until_lines(ROUNDS * SIZE)
        assert sorted(names_in(lines)) == sorted(all_names(range(ROUNDS)))
    assert names_in(server.lines()) == all_names(range(ROUNDS))
    assert server.metrics()['bellwire_alerts_total{status="firing"}'] == \
        ROUNDS * SIZE


def test_no_200_for_what_a_gone_sink_has_not_got(start, path):
    """Its cursor went past the alerts of a request that waits."""
    server = start("--emit", f"fifo:{path}", "--emit", "stdout",
                   "--ack-timeout", "2s")
    with server.connect() as first:
        first.send(post(named(0)))
        wait_for("its lines", lambda: len(server.lines()) == SIZE)
        with server.connect() as flood:
            flood.send(post(payload(*[a for i in range(1, ROUNDS)
                                      for a in named(i)["alerts"]])))
            wait_for("all lines",
                     lambda: len(server.lines()) == ROUNDS * SIZE)
            assert flood.answer().status == 503
        assert first.answer().status == 503


def test_a_stalled_line_delays_no_other(start):
    with Terminal() as line:
        server = start("--emit", f"serial:{line.path}", "--emit", "stdout",
                       *QUICK)
        for i in range(ROUNDS):
            server.post(named(i))
        wait_for("the other sink", lambda: len(server.lines()) ==
                 ROUNDS * SIZE)
        assert names_in(server.lines()) == all_names(range(ROUNDS))


def test_a_slow_sink_alone_gives_nothing_up(start, path):
    server = start("--emit", f"fifo:{path}", *QUICK)
    answers = [server.post(named(i)).status for i in range(ROUNDS)]
    assert set(answers) == {503}
    assert server.metrics()[
        f'bellwire_sink_dropped_total{{sink="fifo:{path}"}}'] == 0


@pytest.mark.parametrize("keys, size", [("", 300), (",wait=no", 300),
                                        (",wait=no", 9000)])
def test_what_was_written_to_it_is_never_given_up(start, path, keys, size):
    """Its reader stalls until there is no room, and leaves within a line: all
    that was in the pipe comes again, the line within which it left as well."""
    server = start("--emit", f"fifo:{path}{keys}", "--emit", "stdout", *QUICK)
    accepted = set()
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        for i in range(ROUNDS):
            n = 5 if size > 1000 else SIZE
            if server.post(group(n, name=f"G{i}x", pad=size)).status == 200:
                accepted |= set(numbered(0, n, f"G{i}x"))
        dropped = server.metrics()[
            f'bellwire_sink_dropped_total{{sink="fifo:{path}"}}']
        assert dropped > 0
        read = os.read(reader.fd, 3 * size + 100)
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        server.post(payload(alert("Last")))
        text = read + reader.until(
            "the last", lambda got: b" Last " in got or b" Last{" in got)
    text = text.decode("utf-8", "replace")
    came = set(re.findall(rf" (G\d+x\d+)[{{ ].*x{{{size}}}\n", text))
    if keys == "":
        assert accepted and not accepted - came
    else:
        told = sum(int(n) for n in re.findall(r"NOTICE (\d+) alerts", text))
        assert told and len(came) + told == len(accepted)


def test_what_its_reader_left_unread_is_never_given_up(start, path):
    """It had its 200 in the pipe; the reader leaves, and then there is no
    room."""
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *QUICK)
    with FifoReader(path):
        wait_up(server, f"fifo:{path}")
        accepted = []
        for i in range(ROUNDS):
            if server.post(group(SIZE, name=f"A{i}x")).status != 200:
                break
            accepted += numbered(0, SIZE, f"A{i}x")
    assert len(accepted) > SIZE
    wait_down(server, f"fifo:{path}")
    for i in range(ROUNDS):
        server.post(named(i))
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        server.post(payload(alert("Last")))
        text = reader.until("the last", lambda got: b" Last " in got)
    came = names_in([x for x in text.decode().splitlines() if x])
    assert not set(accepted) - set(came)
    assert len(came) == len(set(came))


# --- with a spool -------------------------------------------------------------

# what a sink that is gone has yet to get had its 200, so nothing gives it up;
# the rest finds no room

def fill(server):
    """Posts rounds until the file is full; how many had their 200."""
    for i in range(1000):
        if server.post(named(i)).status == 503:
            return i
        assert len(server.lines()) == (i + 1) * SIZE
    raise AssertionError("never full")


@pytest.fixture
def spool(tmp_path):
    return "--spool", f"{tmp_path}/spool,size=256K"


def test_with_a_full_spool_what_comes_gets_to_the_others(start, path, spool):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool)
    full = fill(server)
    for i in range(full, full + ROUNDS):
        for _ in range(3):  # as often as it is sent
            began = time.monotonic()
            assert server.post(named(i)).status == 503
            assert time.monotonic() - began < DEADLINE / 2  # at once
        wait_for("its lines",
                 lambda i=i: names_in(server.lines())[-SIZE:] == names_of(i))
    assert names_in(server.lines()) == all_names(range(full + ROUNDS))
    assert server.ask(get("/-/ready")).status == 503
    assert server.metrics()['bellwire_alerts_total{status="firing"}'] == \
        (full + ROUNDS) * SIZE


def test_with_a_full_spool_each_gets_all_once_in_the_end(start, path, spool):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool)
    full = fill(server)
    for i in range(full, full + ROUNDS):
        assert server.post(named(i)).status == 503
    with FifoReader(path) as reader:
        left = list(range(full, full + ROUNDS))

        def all_taken():
            reader.some()
            if left and server.post(named(left[0])).status == 200:
                left.pop(0)
            return not left
        wait_for("200 for each", all_taken)
        lines = reader.until_lines((full + ROUNDS) * SIZE)
        assert sorted(names_in(lines)) == \
            sorted(all_names(range(full + ROUNDS)))
        assert not reader.some()
    assert names_in(server.lines()) == all_names(range(full + ROUNDS))


def test_with_a_full_spool_the_restart_knows_who_has_what(start, path, spool):
    """Room comes, and what the others have is queued for the one alone; then
    the program is killed."""
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool)
    full = fill(server)
    assert server.post(named(full)).status == 503
    wait_for("its lines", lambda: len(server.lines()) == (full + 1) * SIZE)
    with FifoReader(path) as reader:
        reader.until_lines(3 * SIZE)
        wait_for("200", lambda: server.post(named(full)).status == 200)
    server.signal(signal.SIGKILL)
    server.wait()
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool)
    with FifoReader(path) as reader:
        reader.until("the last of it", lambda got:
                     set(names_of(full)) <= set(names_in(as_lines(got))))
    server.accepts(payload(alert("Last")))
    wait_for("the last one", lambda: "Last" in names_in(server.lines()))
    assert not set(names_in(server.lines())) & set(names_of(full))


def test_with_a_full_spool_a_large_group_gets_to_the_others(start, path, spool):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool,
                   "--ack-timeout", "3s")
    full = fill(server)
    # more than the overflow holds
    rounds = range(full + 1, full + 1 + 4 * ROUNDS)
    large = payload(*[a for i in rounds for a in named(i)["alerts"]])
    for _ in range(2):
        assert server.post(large).status == 503
        wait_for("all lines", lambda: len(server.lines()) >=
                 rounds.stop * SIZE)
    assert sorted(names_in(server.lines())) == \
        sorted(all_names(range(rounds.stop)))


def test_a_slow_sink_with_a_full_spool_delays_no_other(start, path, spool):
    """Its reader takes a line now and then: it is not stalled."""
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool)
    with FifoReader(path) as reader:
        full = fill(server)
        for i in range(full, full + 5):
            os.read(reader.fd, 4096)
            server.post(named(i))
            wait_for("its lines", lambda i=i: names_in(server.lines())[-SIZE:]
                     == names_of(i))


def test_the_dead_mans_alert_comes_with_a_full_spool(start, path, spool):
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", *spool,
                   "--deadman", "2s")
    fill(server)
    wait_for("it", lambda: "BellwireDeadMan" in names_in(server.lines()))


# --- wait=no --------------------------------------------------------------------

def test_nobody_waits_for_it(start, path):
    server = start("--emit", f"fifo:{path},wait=no", "--emit", "stdout")
    for i in range(ROUNDS):
        assert server.accepts(named(i)).text() == f"accepted {SIZE} alerts\n"
    assert server.ask(get("/-/ready")).status == 200
    assert server.metrics()[f'bellwire_sink_up{{sink="fifo:{path}"}}'] == 0
    assert names_in(server.lines()) == all_names(range(ROUNDS))


@pytest.mark.parametrize("keys, count", [
    ("", r" NOTICE (\d+) alerts were dropped here"),
    (",format=logfmt", r"notice=dropped count=(\d+)"),
    (",format=json", r'"notice":"dropped","count":(\d+)')])
@pytest.mark.parametrize("spool", [False, True])
def test_it_gets_the_newest_and_a_notice_that_counts_the_rest(
        start, path, tmp_path, keys, count, spool):
    options = ("--spool", f"{tmp_path}/spool,size=256K") if spool else ()
    server = start("--emit", f"fifo:{path},wait=no{keys}", "--emit", "stdout",
                   *options)
    for i in range(ROUNDS):
        server.accepts(named(i))
    with FifoReader(path) as reader:
        server.accepts(payload(alert("Last")))
        text = ""

        def complete():
            nonlocal text
            reader.some()
            text = reader.got.decode()
            return "Last" in text and text.endswith("\n")
        wait_for("the last one", complete)
        notice, *lines = text.splitlines()
        dropped = int(re.search(count, notice).group(1))
        assert dropped > SIZE and dropped + len(lines) == ROUNDS * SIZE + 1
        assert not [x for x in lines if re.search(count, x)]
        # and it is told once
        server.accepts(payload(alert("Next")))
        wait_for("the next one", lambda: (reader.some(), b"Next" in
                                          reader.got)[1])
        assert len(re.findall(count, reader.got.decode())) == 1
    sink = f'{{sink="fifo:{path}"}}'
    assert server.metrics()[f"bellwire_sink_dropped_total{sink}"] == dropped


def test_a_sink_alone_that_nobody_waits_for(start, path):
    server = start("--emit", f"fifo:{path},wait=no")
    for i in range(ROUNDS):
        server.accepts(named(i))
    assert server.ask(get("/-/ready")).status == 200


def test_what_only_such_a_sink_wants_is_accepted_at_once(start, path):
    server = start("--emit", f"fifo:{path},wait=no,match=severity=page",
                   "--emit", "stdout,match=severity=critical")
    server.accepts(payload(alert("A", labels={"severity": "page"})))
    with FifoReader(path) as reader:
        assert "page A" in reader.until_lines(1)[0]


def test_wait_is_yes_or_no(start):
    assert json.dumps(start("--emit", "stdout,wait=yes").accepts(
        payload(alert())).text())

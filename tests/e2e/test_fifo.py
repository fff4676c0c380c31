"""FIFOs: made or refused, readers that are absent, slow, or leave anywhere."""
import os
import signal
import stat
import subprocess
import time

import pytest

from delivery_helpers import (Background, FifoReader, cpu_seconds, numbered,
                              random_numbers, refused, send_until_200, sink_up,
                              wait_down, wait_up)
from helpers import (BELLWIRE, DEADLINE, alert, as_lines, get, group, names_in,
                     payload, post, run, wait_for)

QUICK = ("--ack-timeout", "150ms")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "bell")


def name_of(path):
    return f"fifo:{path}"


def with_reader(start, path, *options, **how):
    """A server and a reader of its FIFO that is known to be there."""
    server = start("--emit", name_of(path), *options, **how)
    reader = FifoReader(path)
    wait_up(server, name_of(path))
    return server, reader


# --- made, or refused -------------------------------------------------------

@pytest.mark.parametrize("key, mode", [("", 0o640), (",mode=0600", 0o600),
                                       (",mode=0666", 0o666),
                                       (",mode=622", 0o622)])
def test_is_made_with_its_mode_whatever_the_umask(start, path, key, mode):
    before = os.umask(0o077)
    try:
        start("--emit", name_of(path) + key)
    finally:
        os.umask(before)
    st = os.stat(path)
    assert stat.S_ISFIFO(st.st_mode)
    assert stat.S_IMODE(st.st_mode) == mode


def test_an_existing_fifo_is_used_as_it_is(start, path):
    os.mkfifo(path)
    os.chmod(path, 0o606)
    before = os.stat(path)
    start("--emit", name_of(path))
    after = os.stat(path)
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)


def make_file(path):
    with open(path, "w") as f:
        f.write("mine\n")


def make_link_to_file(path):
    make_file(path + ".file")
    os.symlink(path + ".file", path)


@pytest.mark.parametrize("make", [make_file, make_link_to_file, os.mkdir,
                                  lambda p: os.symlink("/dev/null", p)],
                         ids=["file", "link", "folder", "device"])
def test_refuses_what_is_no_fifo(path, make):
    make(path)
    before = os.stat(path)
    p = subprocess.run([BELLWIRE, "--listen", "127.0.0.1:0", "--emit",
                        name_of(path)], capture_output=True, timeout=DEADLINE)
    told = p.stderr.decode()
    assert p.returncode == 1
    assert len(told.splitlines()) == 1
    assert path in told and "FIFO" in told
    assert os.stat(path)[:8] == before[:8]
    if stat.S_ISREG(before.st_mode):
        assert open(path).read() == "mine\n"


# --- no reader --------------------------------------------------------------

def test_without_reader_it_waits_then_503_then_each_line_comes_once(start,
                                                                    path):
    server = start("--emit", name_of(path), "--ack-timeout", "250ms")
    for _ in range(3):
        begin = time.monotonic()
        refused(server, group(20))
        assert time.monotonic() - begin >= 0.24  # clocks in whole ms
    with FifoReader(path) as reader:
        send_until_200(server, group(20))
        assert names_in(reader.until_lines(20)) == numbered(0, 20)
        reader.silence()
    metrics = server.metrics()
    assert metrics["bellwire_duplicates_total"] >= 60
    assert metrics['bellwire_alerts_total{status="firing"}'] == 20


def test_a_reader_that_comes_while_a_request_waits_gets_it_200(start, path):
    server = start("--emit", name_of(path), "--ack-timeout", "1h")
    with server.connect() as c:
        c.send(post(group(3)))
        wait_for("queued", lambda: server.metrics()["bellwire_spool_bytes"])
        with FifoReader(path) as reader:
            assert c.answer().status == 200
            assert names_in(reader.until_lines(3)) == numbered(0, 3)


def test_an_absent_reader_costs_no_time(start, path):
    server = start("--emit", name_of(path), *QUICK)
    refused(server, group(3))
    before = cpu_seconds(server.process.pid)
    time.sleep(0.6)
    assert cpu_seconds(server.process.pid) - before < 0.1


# --- a reader that leaves ---------------------------------------------------

FOUR = group(4)


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """The bytes of FOUR."""
    p = subprocess.run([BELLWIRE, "render"], input=post(FOUR).partition(
        b"\r\n\r\n")[2], capture_output=True, timeout=DEADLINE)
    assert p.stdout.count(b"\n") == 4
    return p.stdout


def line_start(lines, position):
    """Where the line begins that holds that byte."""
    return lines.rfind(b"\n", 0, position) + 1


@pytest.mark.parametrize("where", [
    "nothing", "one byte", "within the first", "all but its end",
    "the first line", "one byte more", "within the third", "three lines",
    "all but the last byte", "all"])
def test_the_next_reader_gets_the_torn_line_whole_and_the_rest(start, path,
                                                               four, where):
    first = four.index(b"\n") + 1
    third = line_start(four, four.index(b"Bell2")) + 50
    n = {"nothing": 0, "one byte": 1, "within the first": 40,
         "all but its end": first - 1, "the first line": first,
         "one byte more": first + 1, "within the third": third,
         "three lines": line_start(four, len(four) - 1),
         "all but the last byte": len(four) - 1, "all": len(four)}[where]
    server, reader = with_reader(start, path)
    server.accepts(FOUR)
    assert reader.take(n) == four[:n]
    reader.close()
    wait_down(server, name_of(path))
    with FifoReader(path) as after:
        server.accepts(payload(alert("Later")))
        rest = four[line_start(four, n):]
        lines = after.until_lines(rest.count(b"\n") + 1)
        assert lines[:-1] == as_lines(rest)
        assert names_in(lines[-1:]) == ["Later"]
        after.silence()


def test_what_comes_while_nobody_reads_follows_the_torn_line(start, path,
                                                             four):
    server, reader = with_reader(start, path, *QUICK)
    send_until_200(server, FOUR)
    reader.take(len(four) // 2)
    reader.close()
    wait_down(server, name_of(path))
    refused(server, group(3, name="Later"))
    with FifoReader(path) as after:
        send_until_200(server, group(3, name="Later"))
        rest = as_lines(four[line_start(four, len(four) // 2):])
        lines = after.until_lines(len(rest) + 3)
        assert lines[:len(rest)] == rest
        assert names_in(lines[len(rest):]) == numbered(0, 3, "Later")
        after.silence()


def test_unread_bytes_stay_for_the_next_reader(start, path, four):
    server, reader = with_reader(start, path)
    server.accepts(FOUR)
    reader.close()
    wait_down(server, name_of(path))
    for _ in range(3):
        FifoReader(path).close()
    with FifoReader(path) as after:
        assert after.take(len(four)) == four
        after.silence()


def test_a_second_reader_that_leaves_within_a_line_while_all_is_written(
        start, path, four):
    """Nothing is queued any more, so bellwire has no reason to look."""
    server, reader = with_reader(start, path)
    server.accepts(FOUR)
    reader.close()
    wait_down(server, name_of(path))
    n = four.index(b"\n") + 30
    with FifoReader(path) as second:
        assert second.take(n) == four[:n]
    time.sleep(0.7)
    with FifoReader(path) as third:
        server.accepts(payload(alert("Later")))
        lines = third.until_lines(4)
        assert lines[:3] == as_lines(four[line_start(four, n):])
        assert names_in(lines[3:]) == ["Later"]


def test_a_second_reader_that_leaves_within_a_line_then_alerts_come(
        start, path, four):
    server, reader = with_reader(start, path, *QUICK)
    send_until_200(server, FOUR)
    reader.close()
    wait_down(server, name_of(path))
    n = four.index(b"\n") + 30
    with FifoReader(path) as second:
        assert second.take(n) == four[:n]
    refused(server, group(2, name="Later"))
    refused(server, group(2, name="Later"))
    with FifoReader(path) as third:
        send_until_200(server, group(2, name="Later"))
        lines = third.until_lines(5)
        assert lines[:3] == as_lines(four[line_start(four, n):])
        assert names_in(lines[3:]) == numbered(0, 2, "Later")
        third.silence()


def test_a_line_longer_than_a_pipe_comes_whole_after_a_reader_left(start,
                                                                   path):
    # DEL is one byte of JSON and six of a line
    big = alert("Big", annotations={"summary": "\x7f" * 30000})
    server = start("--emit", name_of(path) + ",format=json", *QUICK)
    first = FifoReader(path)
    wait_up(server, name_of(path))
    refused(server, payload(big))
    assert first.take(70000).startswith(b'{"receiver"')
    first.close()
    wait_down(server, name_of(path))
    with FifoReader(path) as after:
        reading = Background(after)
        send_until_200(server, payload(big))
        lines = after.until_lines(1)
        reading.stop()
        assert len(lines) == 1 and len(lines[0]) > 180000
        assert lines[0].startswith('{"receiver"') and lines[0].endswith("}")


def comes_and_goes(start, path, rounds, piece, seed):
    """Readers that come `rounds` times, and the pieces that they got, while
    alerts are posted; then one that reads all the rest."""
    random = random_numbers(seed)
    server = start("--emit", name_of(path), "--ack-timeout", "5ms")
    pieces, posted, open_posts = [], 0, []
    for i in range(rounds):
        if i % 4 == 0:
            n = random.randrange(1, 12)
            open_posts.append(payload(*(alert(f"Bell{posted + k}", annotations={
                "summary": "x" * random.randrange(300)}) for k in range(n))))
            posted += n
        if open_posts and server.post(open_posts[0]).status == 200:
            open_posts.pop(0)
        with FifoReader(path) as reader:
            wait_up(server, name_of(path))
            pieces.append(piece(reader, random))
        wait_down(server, name_of(path))
    with FifoReader(path) as reader:
        for p in open_posts:
            send_until_200(server, p)
        wait_for("the last alert", lambda: reader.some() is None or
                 f"Bell{posted - 1}" in whole_names([*pieces, reader.got]))
        reader.silence(0.2)
        pieces.append(reader.got)
    return posted, pieces


def whole_names(pieces):
    """Of all lines that one reader got whole."""
    return names_in(line for p in pieces
                    for line in as_lines(p[:p.rfind(b"\n") + 1]))


def bytes_now(reader, random):
    """A random number of bytes, if there are as many by and by."""
    n, got = random.randrange(400), b""
    for _ in range(3):
        got += reader.some(n - len(got)) or b"" if n > len(got) else b""
        if len(got) < n:
            reader.wait(0.003)
    return got


def test_readers_that_leave_anywhere_200_times(start, path):
    posted, pieces = comes_and_goes(start, path, 200, bytes_now, 1)
    names = whole_names(pieces)
    assert sum(p.rfind(b"\n") + 1 != len(p) for p in pieces) > 50
    assert sorted(set(names)) == sorted(numbered(0, posted))
    assert names == numbered(0, posted), "a line that was not torn came again"


def lines_now(reader, random):
    """A random number of whole lines, if there are any."""
    got = b""
    reader.wait(0.003)
    for _ in range(random.randrange(8)):
        piece = reader.some(1)
        if not piece:
            break
        got += piece
        while not got.endswith(b"\n"):
            got += reader.take(1)
    return got


def test_readers_that_leave_between_lines_200_times(start, path):
    posted, pieces = comes_and_goes(start, path, 200, lines_now, 2)
    assert all(p == b"" or p.endswith(b"\n") for p in pieces)
    assert names_in(as_lines(b"".join(pieces))) == numbered(0, posted)


# --- a reader that stalls ---------------------------------------------------

def test_a_stalled_reader_delays_neither_stdout_nor_another_fifo(start, path):
    other = path + "2"
    server, stalled = with_reader(start, path, "--emit", "stdout", "--emit",
                                  name_of(other), *QUICK)
    with stalled, FifoReader(other) as reader:
        wait_up(server, name_of(other))
        reading = Background(reader)
        groups = [group(50, name=f"G{i}x", pad=400) for i in range(6)]
        expected = []
        stalls = 0
        for i, g in enumerate(groups):
            expected += numbered(0, 50, f"G{i}x")
            answer = server.post(g)
            stalls += answer.status == 503
            wait_for("stdout", lambda: names_in(server.lines()) == expected)
            reader_has = lambda: reader.got.count(b"\n") == len(expected)
            wait_for("the other FIFO", reader_has)
        assert stalls > 0, "the pipe was not full"
        late = Background(stalled)
        for g in groups:
            if server.post(g).status != 200:
                send_until_200(server, g)
        late.stop()
        reading.stop()
        stalled.until_lines(300)
        assert set(names_in(as_lines(stalled.got))) == set(expected)


def test_a_stalled_reader_costs_no_time_and_loses_nothing(start, path):
    server, stalled = with_reader(start, path, *QUICK)
    with stalled:
        big = group(400, pad=200)
        refused(server, big)
        before = cpu_seconds(server.process.pid)
        time.sleep(0.6)
        assert cpu_seconds(server.process.pid) - before < 0.1
        reading = Background(stalled)
        send_until_200(server, big)
        reading.stop()
        assert names_in(stalled.until_lines(400)) == numbered(0, 400)
        stalled.silence()


# --- what it says of itself -------------------------------------------------

def test_readiness_and_metrics_tell_of_the_reader(start, path):
    server = start("--emit", name_of(path))

    def is_up(want):
        answer = server.ask(get("/-/ready"))
        up = sink_up(server, name_of(path))
        if not want:
            assert answer.status == 200 or name_of(path) in answer.text()
        return (answer.status, up) == ((200, 1) if want else (503, 0))

    assert is_up(False)
    for _ in range(3):
        with FifoReader(path):
            wait_for("ready", lambda: is_up(True))
            assert is_up(True)
        wait_for("not ready", lambda: is_up(False))
        assert is_up(False)
    assert server.status_of("/-/healthy") == 200
    with FifoReader(path) as reader:
        wait_up(server, name_of(path))
        server.accepts(group(5))
        reader.until_lines(5)
        lines = f'bellwire_sink_lines_total{{sink="{name_of(path)}"}}'
        assert server.metrics()[lines] == 5


def test_an_absent_reader_is_logged_once_and_its_return_too(start, path):
    server = start("--emit", name_of(path), *QUICK)
    refused(server, group(1))
    wait_for("the log", lambda: "no reader" in server.log())
    with FifoReader(path) as reader:
        send_until_200(server, group(1))
        reader.until_lines(1)
        wait_for("the log", lambda: "sink is up" in server.log())
    assert server.log().count("sink is down") == 1
    assert server.log().count("sink is up") == 1


# --- signals ----------------------------------------------------------------

def test_sigterm_waits_for_unread_bytes(start, path):
    server, reader = with_reader(start, path, "--ack-timeout", "1h")
    with reader:
        server.accepts(group(5))
        server.signal(signal.SIGTERM)
        wait_for("stopping", lambda: "stopping" in server.log())
        time.sleep(0.4)
        assert server.process.poll() is None
        assert names_in(reader.take_lines(5)) == numbered(0, 5)
        assert server.wait() == 0


def test_sigterm_waits_for_a_reader_that_comes(start, path):
    server = start("--emit", name_of(path), "--ack-timeout", "1h")
    with server.connect() as c:
        c.send(post(group(5)))
        wait_for("queued", lambda: server.metrics()["bellwire_spool_bytes"])
        server.signal(signal.SIGTERM)
        wait_for("stopping", lambda: "stopping" in server.log())
        with FifoReader(path) as reader:
            assert names_in(reader.take_lines(5)) == numbered(0, 5)
            assert c.answer().status == 200
            assert server.wait() == 0


def test_sigterm_ends_when_the_next_reader_has_read_all(start, path, four):
    """The first one has left, all is written, and the second one reads it."""
    server, reader = with_reader(start, path, "--ack-timeout", "1h")
    server.accepts(FOUR)
    reader.close()
    wait_down(server, name_of(path))
    server.signal(signal.SIGTERM)
    wait_for("stopping", lambda: "stopping" in server.log())
    with FifoReader(path) as second:
        assert second.take(len(four)) == four
        assert server.wait() == 0


def test_sigterm_waits_no_longer_than_ack_timeout(start, path):
    server, reader = with_reader(start, path, "--ack-timeout", "400ms")
    with reader:
        server.accepts(group(5))
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert 0.3 < time.monotonic() - begin < 10


def test_sighup_follows_the_path_to_a_new_fifo(start, path):
    server, old = with_reader(start, path)
    with old:
        server.accepts(group(3, name="Old"))
        os.unlink(path)
        os.mkfifo(path)
        with FifoReader(path) as new:
            server.signal(signal.SIGHUP)
            assert names_in(old.take_lines(3)) == numbered(0, 3, "Old")
            old.until("its end", lambda _: old.some() is None)
            server.accepts(group(3, name="New"))
            assert names_in(new.until_lines(3)) == numbered(0, 3, "New")
            new.silence()


@pytest.mark.parametrize("spool", [False, True])
@pytest.mark.parametrize("again", [False, True], ids=["removed", "made again"])
def test_one_that_is_replaced_while_nobody_reads(start, path, tmp_path, again,
                                                 spool):
    """Without SIGHUP: it is found again, with all that waits for it."""
    options = ("--spool", f"{tmp_path}/spool") if spool else ()
    server, reader = with_reader(start, path, *options, *QUICK)
    server.accepts(group(1, name="Old"))
    assert len(reader.until_lines(1)) == 1
    reader.close()
    wait_down(server, name_of(path))
    os.unlink(path)
    if again:
        os.mkfifo(path)
    assert server.post(group(2)).status == (200 if spool else 503)
    wait_for("a FIFO", lambda: os.path.exists(path))
    with FifoReader(path) as reader:
        assert names_in(reader.until_lines(2)) == ["Bell0", "Bell1"]
        wait_for("200", lambda: server.post(group(2)).status == 200)


def test_one_that_another_bellwire_writes(start, path):
    """Their lines would tear each other's."""
    server, reader = with_reader(start, path)
    with reader:
        p = run("--listen", "127.0.0.1:0", "--emit", name_of(path))
        assert p.returncode == 1 and b"another process has it" in p.stderr, p
        server.accepts(group(1))
        assert len(reader.until_lines(1)) == 1


def test_sighup_makes_a_fifo_that_was_removed(start, path):
    server, old = with_reader(start, path)
    os.unlink(path)
    server.signal(signal.SIGHUP)
    wait_for("a new FIFO", lambda: os.path.exists(path))
    old.close()
    with FifoReader(path) as new:
        server.accepts(group(3))
        assert names_in(new.until_lines(3)) == numbered(0, 3)


@pytest.mark.parametrize("torn", [False, True])
def test_sighup_brings_what_the_old_fifo_can_give_to_nobody(start, path, four,
                                                            torn):
    """They had their 200, and their reader is gone for good."""
    server, old = with_reader(start, path)
    server.accepts(FOUR)
    old.take(40 if torn else 0)
    old.close()
    wait_down(server, name_of(path))
    os.unlink(path)
    os.mkfifo(path)
    server.signal(signal.SIGHUP)
    with FifoReader(path) as new:
        server.accepts(payload(alert("Later")))
        new.until("what comes last", lambda got: b"Later" in got)
        assert names_in(new.until_lines(1)) == [*numbered(0, 4), "Later"]


def test_sighup_changes_nothing_where_the_fifo_is_the_same(start, path, four):
    server, reader = with_reader(start, path)
    with reader:
        server.accepts(FOUR)
        half = reader.take(len(four) // 2)
        for _ in range(3):
            server.signal(signal.SIGHUP)
            wait_for("reloaded", lambda: "reloaded" in server.log())
        assert half + reader.take(len(four) - len(half)) == four
        server.accepts(FOUR)
        assert reader.take(len(four)) == four
        reader.silence()


def test_sighup_refuses_what_is_no_fifo_and_goes_on(start, path):
    server, old = with_reader(start, path, *QUICK)
    old.close()
    wait_down(server, name_of(path))
    os.unlink(path)
    make_file(path)
    server.signal(signal.SIGHUP)
    refused(server, group(2))
    wait_for("the log", lambda: "not a FIFO" in server.log())
    assert open(path).read() == "mine\n"
    os.unlink(path)
    os.mkfifo(path)
    with FifoReader(path) as reader:
        send_until_200(server, group(2))
        assert names_in(reader.until_lines(2)) == numbered(0, 2)

"""Serial lines, with pseudo-terminals in their place."""
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest

from delivery_helpers import (Background, Terminal, cpu_seconds, kill_9,
                              numbered, refused, send_until_200, sink_up,
                              wait_down, wait_up)
from helpers import (BELLWIRE, DEADLINE, alert, as_lines, get, group, names_in,
                     payload, post, run, wait_for)

QUICK = ("--ack-timeout", "150ms")


@pytest.fixture
def terminals():
    """terminals() -> a new Terminal; all are closed at the end."""
    made = []

    def make():
        made.append(Terminal())
        return made[-1]

    yield make
    for t in made:
        t.close()


@pytest.fixture
def terminal(terminals):
    return terminals()


def name_of(path):
    return f"serial:{path}"


def lead_to(link, terminal):
    """The device has that name now, as a udev rule gives it."""
    os.symlink(terminal.path, link + ".new")
    os.rename(link + ".new", link)


# --- raw bytes --------------------------------------------------------------

def test_lines_end_with_crlf_and_nothing_is_added(start, terminal):
    server = start("--emit", name_of(terminal.path))
    server.accepts(group(5))
    lines = terminal.until_lines(5, eol="\r\n")
    assert names_in(lines) == numbered(0, 5)
    terminal.silence()


def test_eol_lf_is_possible(start, terminal):
    server = start("--emit", name_of(terminal.path) + ",eol=lf")
    server.accepts(group(5))
    assert b"\r" not in terminal.until("all", lambda x: x.count(b"\n") == 5)


@pytest.mark.parametrize("lflags", ["raw", "cooked"])
def test_bytes_go_out_as_they_are_whatever_the_settings_were(start, terminals,
                                                             lflags):
    terminal = terminals()
    if lflags == "cooked":
        t = terminal.settings()
        t[0] |= termios.ICRNL | termios.IXON | termios.INLCR | termios.IXANY
        t[1] |= termios.OPOST | termios.ONLCR | termios.OLCUC | termios.ONLRET
        t[3] |= termios.ECHO | termios.ICANON | termios.ISIG
        termios.tcsetattr(terminal.slave, termios.TCSANOW, t)
    server = start("--emit", name_of(terminal.path) + ",format=json,eol=lf")
    text = "tab\t lower UPPER \u00e9 \u65e5\u672c \U0001f514 \x7f ^ \\ end"
    server.accepts(payload(alert("Raw", annotations={"summary": text})))
    got = terminal.until("a line", lambda x: b"\n" in x)
    p = subprocess.run([BELLWIRE, "render", "--format", "json"],
                       input=post(payload(alert("Raw", annotations={
                           "summary": text}))).partition(b"\r\n\r\n")[2],
                       capture_output=True, timeout=DEADLINE)
    assert got == p.stdout


def test_a_bell_comes_through(start, terminal):
    server = start("--emit",
                   name_of(terminal.path) + ",bell=severity=critical")
    server.accepts(group(1))
    assert terminal.until("a line", lambda x: b"\n" in x).startswith(b"\a2026")


# --- settings ---------------------------------------------------------------

def rates(fd):
    """Input's and output's in bits a second, as TCGETS2 tells them."""
    said = fcntl.ioctl(fd, 0x802c542a, bytes(44))
    return struct.unpack("II", said[36:])


@pytest.mark.parametrize("baud", [50, 31250, 100000, 250000, 12000000])
@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_rate_without_a_name(start, terminal, baud, sandbox):
    server = start("--emit", name_of(terminal.path) + f",baud={baud}",
                   f"--sandbox={sandbox}")
    assert rates(terminal.slave) == (baud, baud)
    server.signal(signal.SIGHUP)
    wait_for("reloaded", lambda: "reloaded" in server.log())
    server.accepts(group(1))
    assert terminal.until("a line", lambda x: b"\n" in x)
    assert rates(terminal.slave) == (baud, baud)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert rates(terminal.slave) != (baud, baud)


@pytest.mark.parametrize("keys, speed, flags, iflags", [
    ("", termios.B115200, 0, 0),
    (",baud=9600", termios.B9600, 0, 0),
    (",baud=300,frame=8n2", termios.B300, termios.CSTOPB, 0),
    (",baud=921600,flow=rtscts", termios.B921600, termios.CRTSCTS, 0),
    (",baud=38400,flow=xonxoff", termios.B38400, 0, termios.IXON),
    (",flow=none", termios.B115200, 0, 0),
])
def test_settings_are_made_and_put_back_at_exit(start, terminal, keys, speed,
                                                flags, iflags):
    t = terminal.settings()
    t[0] |= termios.ICRNL | termios.BRKINT
    t[1] |= termios.OPOST | termios.ONLCR
    t[3] |= termios.ICANON | termios.ECHO | termios.ISIG
    t[4] = t[5] = termios.B19200
    termios.tcsetattr(terminal.slave, termios.TCSANOW, t)
    before = terminal.settings()
    server = start("--emit", name_of(terminal.path) + keys)
    iflag, oflag, cflag, lflag, ispeed, ospeed, _ = terminal.settings()
    assert ispeed == ospeed == speed
    assert cflag & (termios.CSTOPB | termios.CRTSCTS) == flags
    assert cflag & termios.CLOCAL and cflag & termios.CREAD
    assert iflag & (termios.IXON | termios.IXOFF | termios.IXANY) == iflags
    assert not iflag & (termios.ICRNL | termios.INLCR | termios.IGNCR |
                        termios.BRKINT | termios.ISTRIP)
    assert not oflag & termios.OPOST
    assert not lflag & (termios.ICANON | termios.ECHO | termios.ISIG |
                        termios.IEXTEN | termios.ECHONL)
    assert not cflag & termios.HUPCL
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert terminal.settings() == before


@pytest.mark.parametrize("frame, flags", [
    ("8n1", {"CS8"}), ("7e1", {"CS7", "PARENB"}),
    ("7o2", {"CS7", "PARENB", "PARODD", "CSTOPB"}), ("5n1", {"CS5"}),
    ("8e1", {"CS8", "PARENB"}), ("6n2", {"CS6", "CSTOPB"})])
def test_frame_is_asked_of_the_driver(terminal, tmp_path, frame, flags):
    """A pseudo-terminal has no frames, so what is asked for is looked at."""
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    trace = tmp_path / "trace"
    p = subprocess.Popen(
        ["strace", "-D", "-v", "-e", "trace=ioctl", "-o", str(trace), BELLWIRE,
         "--listen", "127.0.0.1:0", "--emit",
         f"serial:{terminal.path},frame={frame}"],
        stderr=subprocess.PIPE)
    try:
        told = p.stderr.readline()
        if b"ptrace" in told:
            pytest.skip("strace may not trace here")
        line = wait_for("TCSETS", lambda: re.search(
            r"TCSETS\w*, \{.*c_cflag=([^,]*)", trace.read_text()
            if trace.exists() else ""))
    finally:
        p.terminate()
        p.wait(DEADLINE)
        p.stderr.close()
    asked = {x for x in line.group(1).split("|")
             if x[:2] in ("CS", "PA") or x == "CSTOPB"}
    assert asked == flags


def test_it_does_not_become_its_controlling_terminal(start, terminal):
    server = start("--emit", name_of(terminal.path))
    server.accepts(group(1))
    stat = open(f"/proc/{server.process.pid}/stat").read()
    tty_of = int(stat.rpartition(")")[2].split()[4])
    assert tty_of != os.stat(terminal.path).st_rdev


# --- a device that is missing, goes and comes -------------------------------

def test_a_missing_device_is_logged_retried_and_used_when_there(start,
                                                                terminals,
                                                                tmp_path):
    link = str(tmp_path / "ttyBell")
    server = start("--emit", name_of(link), *QUICK)
    wait_for("the log", lambda: link in server.log() and
             "down" in server.log())
    assert server.status_of("/-/ready") == 503
    assert sink_up(server, name_of(link)) == 0
    assert server.status_of("/-/healthy") == 200
    refused(server, group(5))
    before = cpu_seconds(server.process.pid)
    time.sleep(0.5)
    assert cpu_seconds(server.process.pid) - before < 0.1
    terminal = terminals()
    lead_to(link, terminal)
    send_until_200(server, group(5))
    assert names_in(terminal.until_lines(5, eol="\r\n")) == numbered(0, 5)
    terminal.silence()
    wait_up(server, name_of(link))
    assert server.status_of("/-/ready") == 200
    wait_for("the log", lambda: "sink is up" in server.log())


def test_what_is_no_terminal_is_an_error_at_start(tmp_path):
    link = tmp_path / "ttyBell"
    link.write_text("mine\n")
    p = run("--listen", "127.0.0.1:0", "--emit", name_of(str(link)))
    assert p.returncode == 1 and b"not a serial line" in p.stderr, p
    assert link.read_text() == "mine\n"


def test_what_comes_in_its_place_and_is_no_terminal_is_retried(start, terminals,
                                                               tmp_path):
    link = str(tmp_path / "ttyBell")
    server = start("--emit", name_of(link), *QUICK)
    with open(link, "w") as f:
        f.write("mine\n")
    refused(server, group(2))
    assert open(link).read() == "mine\n"
    os.unlink(link)
    terminal = terminals()
    lead_to(link, terminal)
    send_until_200(server, group(2))
    assert names_in(terminal.until_lines(2, eol="\r\n")) == numbered(0, 2)


def test_a_line_that_another_bellwire_has(start, terminals):
    """Their lines would come out torn within each other."""
    terminal = terminals()
    start("--emit", name_of(terminal.path)).accepts(group(1))
    p = run("--listen", "127.0.0.1:0", "--emit", name_of(terminal.path))
    assert p.returncode == 1 and b"another process has it" in p.stderr, p


def test_modem_lines_stay_when_it_is_closed(start, terminals):
    """HUPCL, if it was on, would drop DTR, by which an Arduino starts anew."""
    terminal = terminals()
    before = terminal.settings()
    before[2] |= termios.HUPCL
    termios.tcsetattr(terminal.slave, termios.TCSANOW, before)
    server = start("--emit", name_of(terminal.path))
    server.accepts(group(1))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    after = terminal.settings()
    assert not after[2] & termios.HUPCL
    before[2] &= ~termios.HUPCL
    assert after == before


def test_a_long_name_as_udev_makes_them(start, terminals, tmp_path):
    folder = tmp_path / "by-id"
    folder.mkdir()
    link = f"{folder}/usb-Bell_{'x' * 300}"[:255]
    terminal = terminals()
    lead_to(link, terminal)
    server = start("--emit", name_of(link))
    server.accepts(group(1))
    assert names_in(terminal.until_lines(1, eol="\r\n")) == ["Bell0"]
    assert server.metrics()[f'bellwire_sink_up{{sink="serial:{link}"}}'] == 1
    p = run("check", "--emit", name_of(link + "y"))
    assert p.returncode == 2 and b"255 bytes" in p.stderr


def test_an_idle_device_that_goes_and_comes_back(start, terminals, tmp_path):
    link = str(tmp_path / "ttyBell")
    one = terminals()
    lead_to(link, one)
    server = start("--emit", name_of(link))
    server.accepts(group(3, name="Old"))
    assert names_in(one.until_lines(3, eol="\r\n")) == numbered(0, 3, "Old")
    one.close()
    wait_down(server, name_of(link))
    assert server.status_of("/-/ready") == 503
    errors = server.metrics()[f'bellwire_sink_errors_total{{sink="'
                              f'{name_of(link)}"}}']
    assert errors >= 1
    two = terminals()
    lead_to(link, two)
    wait_up(server, name_of(link))
    server.accepts(group(3, name="New"))
    lines = [x for x in two.until_lines(3, eol="\r\n") if x]
    assert names_in(lines) == numbered(0, 3, "New")
    assert server.log().count("sink is down") == 1


def test_a_device_that_goes_within_a_line_gets_it_whole_when_back(start,
                                                                  terminals,
                                                                  tmp_path):
    """The driver of a pseudo-terminal does not say what it still holds, so the
    other end reads all that there is, while bellwire stands still."""
    link = str(tmp_path / "ttyBell")
    one = terminals()
    lead_to(link, one)
    server = start("--emit", name_of(link), *QUICK)
    body = group(400, pad=150)
    refused(server, body)
    # all that was written; the line is full and bellwire waits
    server.signal(signal.SIGSTOP)
    while one.some():
        one.wait(0.05)
    assert one.got and not one.got.endswith(b"\r\n"), "not within a line"
    one.close()
    two = terminals()
    lead_to(link, two)
    server.signal(signal.SIGCONT)
    reading = Background(two)
    send_until_200(server, body)
    wait_for("the last", lambda: b"Bell399 " in two.got and
             two.got.endswith(b"\n"))
    reading.stop()
    before = as_lines(one.got[:one.got.rindex(b"\n") + 1], "\r\n")
    after = two.until_lines(1, eol="\r\n")
    assert names_in(before + [x for x in after if x]) == numbered(0, 400)
    assert after[0] == "", "joined to what had come of a line"


def test_many_devices_one_after_the_other(start, terminals, tmp_path):
    link = str(tmp_path / "ttyBell")
    one = terminals()
    lead_to(link, one)
    server = start("--emit", name_of(link), *QUICK)
    body = group(300, pad=300)
    got = []
    for _ in range(5):
        refused(server, body)
        server.signal(signal.SIGSTOP)
        while one.some():
            one.wait(0.05)
        got.append(one.got)
        one.close()
        one = terminals()
        lead_to(link, one)
        server.signal(signal.SIGCONT)
        wait_for("some of it", lambda: one.some() or one.got)
    reading = Background(one)
    send_until_200(server, body)
    wait_for("the last", lambda: b"Bell299 " in one.got and
             one.got.endswith(b"\n"))
    reading.stop()
    got.append(one.got)
    whole = [x for g in got
             for x in as_lines(g[:g.rfind(b"\n") + 1], "\r\n") if x]
    assert names_in(whole) == numbered(0, 300)


def test_sighup_opens_the_device_of_that_name_again(start, terminals,
                                                    tmp_path):
    link = str(tmp_path / "ttyBell")
    one, two = terminals(), terminals()
    lead_to(link, one)
    before = one.settings()
    server = start("--emit", name_of(link))
    server.accepts(group(2, name="Old"))
    assert names_in(one.until_lines(2, eol="\r\n")) == numbered(0, 2, "Old")
    lead_to(link, two)
    server.signal(signal.SIGHUP)
    wait_for("reloaded", lambda: "reloaded" in server.log())
    server.accepts(group(2, name="New"))
    lines = [x for x in two.until_lines(2, eol="\r\n") if x]
    assert names_in(lines) == numbered(0, 2, "New")
    one.silence(0.1)
    assert one.settings() == before


def test_two_sighups_within_a_line_do_not_join_it_to_what_comes(start,
                                                               terminal):
    server = start("--emit", name_of(terminal.path), *QUICK)
    body = group(400, pad=150)
    refused(server, body)
    for n in (1, 2):
        server.signal(signal.SIGHUP)
        wait_for("reloaded", lambda: server.log().count("reloaded") == n)
    reading = Background(terminal)
    send_until_200(server, body)
    wait_for("the last", lambda: b"Bell399 " in terminal.got and
             terminal.got.endswith(b"\n"))
    reading.stop()
    lines = as_lines(terminal.got, "\r\n")
    assert [x for x in lines if x.count("FIRING") > 1] == []
    begun = [x for x in lines if not x.endswith(lines[0][-20:])]
    assert len(begun) == 1, "not within a line"
    lines.remove(begun[0])
    assert names_in(lines) == numbered(0, 400)


# --- a slow line ------------------------------------------------------------

def test_a_slow_line_gets_503_a_few_times_then_200_and_each_line_once(
        start, terminals, tmp_path):
    """384 bytes each 20 ms; and another sink does not wait for it."""
    terminal = terminals()
    server = start("--emit", name_of(terminal.path) + ",baud=9600", "--emit",
                   "stdout", "--ack-timeout", "400ms")
    body = group(450, pad=70)
    reading = Background(terminal, piece=384, pause=0.02)
    begin = time.monotonic()
    answer = server.post(body)
    assert answer.status == 503
    assert names_in(server.lines()) == numbered(0, 450)
    refusals = 1 + send_until_200(server, body)
    seconds = time.monotonic() - begin
    wait_for("all", lambda: terminal.got.count(b"\n") >= 450)
    reading.stop()
    terminal.silence()
    assert names_in(terminal.until_lines(1, eol="\r\n")) == numbered(0, 450)
    assert refusals >= 3, f"{refusals} in {seconds} s"
    assert names_in(server.lines()) == numbered(0, 450)
    metrics = server.metrics()
    assert metrics['bellwire_alerts_total{status="firing"}'] == 450
    assert metrics["bellwire_duplicates_total"] == 450 * refusals


def test_alerts_for_another_sink_get_200_beside_a_full_line(start, terminal):
    server = start("--emit", name_of(terminal.path) + ",match=alertname!=Other",
                   "--emit", "stdout,match=alertname=Other", *QUICK)
    refused(server, group(300, pad=100))
    for i in range(20):
        server.accepts(payload(alert("Other", labels={"n": str(i)})))
    assert len(server.lines()) == 20


def test_a_full_line_costs_no_time(start, terminal):
    server = start("--emit", name_of(terminal.path), *QUICK)
    refused(server, group(300, pad=100))
    before = cpu_seconds(server.process.pid)
    time.sleep(0.7)
    assert cpu_seconds(server.process.pid) - before < 0.1


def test_sigterm_waits_no_longer_than_it_may_for_a_full_line(start, terminal):
    server = start("--emit", name_of(terminal.path), "--ack-timeout", "400ms")
    before = terminal.settings()
    refused(server, group(300, pad=100))
    begin = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert 0.3 < time.monotonic() - begin < 10
    assert before is not None


# --- what comes from the other end ------------------------------------------

NOISE = b"\x11\x13hello\r\n\x03\x1a\x1c\x04\x00\xff\x15\x12\x0f" * 20 + b"\x11"


@pytest.mark.parametrize("flow", ["none", "xonxoff"])
def test_bytes_from_the_other_end_are_not_echoed(start, terminal, flow):
    server = start("--emit", name_of(terminal.path) + f",flow={flow}")
    terminal.send(NOISE)
    server.accepts(group(3))
    terminal.send(NOISE)
    server.accepts(group(3, name="More"))
    lines = terminal.until_lines(6, eol="\r\n")
    terminal.silence()
    assert names_in(lines) == numbered(0, 3) + numbered(0, 3, "More")


def test_a_talkative_other_end_does_not_stop_it(start, terminal):
    """Nobody reads what comes in; the queue for it is full at once."""
    server = start("--emit", name_of(terminal.path) + ",flow=xonxoff")
    before = cpu_seconds(server.process.pid)
    for i in range(20):
        try:
            while os.write(terminal.fd, b"x" * 1000):
                pass
        except BlockingIOError:
            pass
        server.accepts(payload(alert(f"Bell{i}")))
    assert names_in(terminal.until_lines(20, eol="\r\n")) == numbered(0, 20)
    time.sleep(0.3)
    assert cpu_seconds(server.process.pid) - before < 0.4


def test_xoff_holds_the_line_back_and_xon_lets_it_go(start, terminal):
    server = start("--emit", name_of(terminal.path) + ",flow=xonxoff",
                   "--emit", "stdout", *QUICK)
    send_until_200(server, group(2, name="Before"))
    terminal.until_lines(2, eol="\r\n")
    terminal.send(b"\x13")
    time.sleep(0.1)
    refused(server, group(3))
    terminal.silence()
    assert names_in(server.lines()) == numbered(0, 2, "Before") + numbered(0, 3)
    before = cpu_seconds(server.process.pid)
    time.sleep(0.5)
    assert cpu_seconds(server.process.pid) - before < 0.1
    terminal.send(b"\x11")
    send_until_200(server, group(3))
    lines = terminal.until_lines(5, eol="\r\n")
    terminal.silence()
    assert names_in(lines) == numbered(0, 2, "Before") + numbered(0, 3)


def test_xoff_means_nothing_where_it_was_not_asked_for(start, terminal):
    server = start("--emit", name_of(terminal.path))
    terminal.send(b"\x13")
    time.sleep(0.1)
    server.accepts(group(3))
    assert names_in(terminal.until_lines(3, eol="\r\n")) == numbered(0, 3)


# --- with a spool, and with socat -------------------------------------------

def test_with_a_spool_what_got_200_comes_when_the_device_does(start, terminals,
                                                              tmp_path):
    link = str(tmp_path / "ttyBell")
    options = ("--emit", name_of(link), "--spool", str(tmp_path / "spool"))
    server = start(*options)
    server.accepts(group(20))
    kill_9(server)
    server = start(*options)
    terminal = terminals()
    lead_to(link, terminal)
    lines = terminal.until_lines(20, eol="\r\n")
    assert names_in(lines) == numbered(0, 20)
    terminal.silence()


def test_through_socat(start, tmp_path):
    if shutil.which("socat") is None:
        pytest.skip("no socat")
    link, out = str(tmp_path / "ttyBell"), tmp_path / "out"
    server = start("--emit", name_of(link), *QUICK)
    for life in range(2):
        socat = subprocess.Popen(["socat", "-u",
                                  f"PTY,link={link},rawer,wait-slave",
                                  f"OPEN:{out},creat,append"])
        try:
            body = group(100, name=f"L{life}x", pad=50)
            send_until_200(server, body)
            wait_for("all", lambda: out.exists() and
                     f"L{life}x99 ".encode() in out.read_bytes() and
                     out.read_bytes().endswith(b"\n"))
        finally:
            socat.kill()
            socat.wait()
        wait_down(server, name_of(link))
    lines = [x for x in as_lines(out.read_bytes(), "\r\n") if x]
    assert names_in(lines) == numbered(0, 100, "L0x") + numbered(0, 100, "L1x")

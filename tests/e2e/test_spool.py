"""--spool: what got its 200 outlives kills, damage and full disks."""
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

import helpers
from delivery_helpers import (Background, FifoReader, count_in, kill_9,
                              notices, numbered, refused, send_until_200,
                              wait_down, wait_up)
from helpers import (BELLWIRE, DEADLINE, alert, as_lines, get, group, head,
                     names_in, payload, post, read_logfmt, wait_for, JSON)

QUICK = ("--ack-timeout", "150ms")
RING = 12288  # where the records begin in the file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "bell")


@pytest.fixture
def spooled(start, file, path):
    """spooled(*options): a server with a spool and a FIFO."""
    def start_one(*options, size=""):
        return start("--spool", f"{file}{size}", "--emit", f"fifo:{path}",
                     *QUICK, *options)
    return start_one


def read_all(path, n, server):
    """n lines from the FIFO, and there are no more."""
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")  # makes it look at once
        lines = reader.until_lines(n)
        reader.silence(0.1)
        wait_for("all is done", lambda: server.metrics()
                 ["bellwire_spool_bytes"] == 0)
        assert len(lines) == n, lines
        return lines


def taken_over(server):
    """What the log says of it."""
    line, = [x for x in server.log_lines() if "spool taken over" in x]
    return {k: int(v) for k, v in read_logfmt(line).items() if v.isdigit()}


# --- 200 and kill -9 --------------------------------------------------------

def test_200_while_the_reader_is_absent(spooled, path):
    server = spooled()
    for i in range(3):
        assert server.accepts(group(5, name=f"G{i}x")).text() == \
            "accepted 5 alerts\n"
    expected = [n for i in range(3) for n in numbered(0, 5, f"G{i}x")]
    assert names_in(read_all(path, 15, server)) == expected


def test_kill_9_loses_nothing_that_got_200(spooled, path):
    expected = []
    for life in range(3):
        server = spooled()
        for i in range(10):
            server.accepts(group(4, name=f"L{life}G{i}x"))
            expected += numbered(0, 4, f"L{life}G{i}x")
        kill_9(server)
    server = spooled()
    assert taken_over(server) == {"records": 120, "torn_bytes_dropped": 0,
                                  "damaged_places": 0}
    assert names_in(read_all(path, 120, server)) == expected


def test_a_large_group_that_got_200_outlives_kill_9(spooled, path):
    server = spooled()
    send_until_200(server, group(600, pad=300))  # 503 while the disk is slow
    kill_9(server)
    server = spooled()
    assert names_in(read_all(path, 600, server)) == numbered(0, 600)


def test_emission_goes_on_where_it_stopped(spooled, path):
    server = spooled()
    server.accepts(group(100, name="Old"))
    read_all(path, 100, server)
    server.accepts(group(10, name="New"))
    wait_for("the file to know", lambda: server.metrics()
             ["bellwire_spool_bytes"] > 0)
    kill_9(server)
    server = spooled()
    assert names_in(read_all(path, 10, server)) == numbered(0, 10, "New")
    kill_9(server)
    server = spooled()
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        reader.silence()


def test_what_was_left_comes_without_any_other_event(spooled, path):
    server = spooled()
    server.accepts(group(3))
    kill_9(server)
    with FifoReader(path) as reader:  # there before the server is
        spooled()
        assert names_in(reader.until_lines(3)) == numbered(0, 3)


def test_each_kind_of_record_outlives_kill_9(spooled, path, start, file):
    """A notice that is queued does not end what a restart reads."""
    server = start("--spool", file, "--emit", f"fifo:{path}", "--emit",
                   f"fifo:{path}2", *QUICK)
    server.accepts(group(1, name="Left"))  # for the second one as well
    server.signal(signal.SIGKILL)
    server.wait()
    server = spooled()  # and the second one is taken out
    bad = alert("Bad", labels={"job": 5})
    server.accepts(payload(alert("A"), bad, alert("B"), truncatedAlerts=3))
    server.accepts(group(1, name="Last"))
    for _ in range(2):  # twice over
        server.signal(signal.SIGKILL)
        server.wait()
        server = spooled()
        assert taken_over(server)["torn_bytes_dropped"] == 0
        assert taken_over(server)["damaged_places"] == 0
    with FifoReader(path) as reader:
        text = reader.until("the last one",
                            lambda got: b"Last0" in got).decode()
    assert len(re.findall("NOTICE 1 alert [^\n]*sink", text)) == 1, text
    assert re.search(r"NOTICE[^\n]*Bad[^\n]*labels.job", text), text
    assert "NOTICE 3 alerts were left out by the sender" in text
    assert {"Left0", "A", "B", "Last0"} <= set(names_in(
        [x for x in text.splitlines() if "NOTICE" not in x]))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_sink_gave_up_is_told_after_a_restart(start, file, path, end):
    """wait=no: one NOTICE counts it, whichever process writes that."""
    options = ("--spool", f"{file},size=256K", "--emit",
               f"fifo:{path},wait=no", "--emit", "stdout", *QUICK)
    server = start(*options)
    for i in range(30):
        server.accepts(group(20, name=f"G{i}x"))
    assert server.metrics()[
        f'bellwire_sink_dropped_total{{sink="fifo:{path}"}}'] > 0
    server.accepts(group(1, name="Settled"))
    server.signal(end)
    server.wait()
    server = start(*options)
    server.accepts(group(1, name="Last"))
    with FifoReader(path) as reader:
        text = reader.until("the last", lambda got: b"Last0" in got).decode()
    told = [int(n) for n in re.findall(r"NOTICE (\d+) alerts", text)]
    lines = [x for x in text.splitlines() if "NOTICE" not in x]
    assert len(told) == 1
    assert told[0] + len(lines) == 30 * 20 + 2


def test_lines_in_the_pipe_come_again_after_kill_9(spooled, path):
    """They were written, but nobody had read them."""
    server = spooled()
    reader = FifoReader(path)
    wait_up(server, f"fifo:{path}")
    server.accepts(group(20))
    wait_for("written", lambda: server.metrics()
             [f'bellwire_sink_lines_total{{sink="fifo:{path}"}}'] == 20)
    read = names_in(reader.take_lines(8))
    kill_9(server)
    reader.close()
    server = spooled()
    with FifoReader(path) as reader:
        reader.until("the last", lambda got: b"Bell19 " in got)
        after = names_in(reader.until_lines(1))
    assert read == numbered(0, 8)
    assert after == numbered(20 - len(after), 20)
    assert len(after) >= 12


def test_a_line_half_read_comes_whole_after_kill_9(spooled, path):
    server = spooled()
    reader = FifoReader(path)
    wait_up(server, f"fifo:{path}")
    server.accepts(group(5))
    reader.take(130)
    time.sleep(0.3)
    kill_9(server)
    reader.close()
    server = spooled()
    with FifoReader(path) as reader:
        reader.until("the last", lambda got: b"Bell4 text\n" in got)
        lines = reader.until_lines(1)
    assert len(lines) >= 3
    assert names_in(lines) == numbered(5 - len(lines), 5)


def test_what_is_sent_again_after_kill_9_is_recognised(spooled, path):
    """The sender got no answer and sends again; it is in the file."""
    server = spooled()
    server.accepts(group(30))
    kill_9(server)
    server = spooled()
    assert server.accepts(group(30)).text() == "accepted 30 alerts\n"
    assert server.metrics()["bellwire_duplicates_total"] == 30
    assert names_in(read_all(path, 30, server)) == numbered(0, 30)


def test_the_same_after_it_was_emitted_is_a_new_notification(spooled, path):
    server = spooled()
    server.accepts(group(3))
    kill_9(server)
    server = spooled()
    read_all(path, 3, server)
    server.accepts(group(3))
    assert names_in(read_all(path, 3, server)) == numbered(0, 3)


def test_sigterm_and_restart_repeat_nothing_that_was_read(start, file, path):
    options = ("--spool", str(file), "--emit", f"fifo:{path}")
    server = start(*options)
    server.accepts(group(20))
    with FifoReader(path) as reader:
        reader.take_lines(5)
        server.signal(signal.SIGTERM)
        reader.until_lines(20)
        assert server.wait() == 0
        server = start(*options)
        wait_up(server, f"fifo:{path}")
        reader.silence()
        assert names_in(reader.until_lines(20)) == numbered(0, 20)


def test_what_was_read_last_does_not_come_again(spooled, path):
    """SIGTERM gives up on a reader that reads no more."""
    server = spooled()
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        server.accepts(group(30, pad=300))
        wait_for("the pipe to be full of it", lambda: server.metrics()
                 [f'bellwire_sink_lines_total{{sink="fifo:{path}"}}'] == 30)
        time.sleep(1)  # the next look is far away
        first = b""
        while first.count(b"\n") < 20:
            first += os.read(reader.fd, 100)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    server = spooled()
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        names = names_in(reader.until_lines(10))
        assert names[-1] == "Bell29" and len(names) <= 11
        assert server.metrics()[
            f'bellwire_sink_lines_total{{sink="fifo:{path}"}}'] <= 11


def test_sigterm_and_restart_bring_what_was_not_read(spooled, path):
    server = spooled()
    server.accepts(group(20))
    with FifoReader(path) as reader:
        read = names_in(reader.take_lines(5))
        wait_up(server, f"fifo:{path}")
        server.signal(signal.SIGTERM)  # and it waits no longer than it may
        assert server.wait() == 0
    server = spooled()
    assert read == numbered(0, 5)
    assert names_in(read_all(path, 15, server)) == numbered(5, 20)


def strace(*args):
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    p = subprocess.run(["strace", "-o", "/dev/null", *args, "true"],
                       capture_output=True)
    if p.returncode:
        pytest.skip("strace may not trace here")
    return ["strace", *args]


def attach(server, out, *args):
    """strace at a running server, until that ends."""
    command = strace(*args)
    tracer = subprocess.Popen([*command, "-o", str(out), "-p",
                               str(server.process.pid)],
                              stderr=subprocess.PIPE)
    assert b"attached" in tracer.stderr.readline()
    return tracer


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO"])
def test_a_record_of_a_killed_process_is_written_before_its_200(spooled, path,
                                                                tmp_path,
                                                                fault):
    """It was written but not synced when the process was killed, or the sync
    failed, after which the kernel takes it for written: it stands in the
    kernel's memory only, and the power may go next."""
    server = spooled()
    tracer = attach(server, tmp_path / "trace1",
                    "-e", f"inject=fdatasync:{fault}:when=1")
    with server.connect() as c:
        c.send(post(group(3)))
        if "KILL" not in fault:
            assert c.answer().status == 503
            server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
    tracer.wait(DEADLINE)
    trace = tmp_path / "trace2"
    folder = tmp_path / "second"
    folder.mkdir()
    log = folder / "err"
    with log.open("wb") as err:
        p = subprocess.Popen(
            [*strace("-D", "-y", "-e",
                     "trace=fdatasync,fsync,pwrite64,pwritev2,write,sendto,"
                     "sendmsg,writev", "-s", "200", "-o", str(trace)),
             BELLWIRE, "--listen", "127.0.0.1:0",
             "--spool", str(tmp_path / "spool"), "--emit", f"fifo:{path}",
             *QUICK], stderr=err)
    try:
        wait_for("listening", lambda: b"listening" in log.read_bytes())
        told = [read_logfmt(x) for x in log.read_text().splitlines()]
        address = [x["address"] for x in told if "address" in x][0]
        over = [x for x in told if "records" in x][0]
        assert over["records"] == "3"
        server.addresses = [address]
        assert server.accepts(group(3)).status == 200
    finally:
        p.kill()
        p.wait()
    wait_for("the trace", lambda: "killed by SIGKILL" in trace.read_text())
    calls = trace.read_text().splitlines()
    answer = [i for i, x in enumerate(calls) if "accepted 3 alerts" in x][0]
    syncs = [i for i, x in enumerate(calls[:answer])
             if re.search(r"fdatasync\(\d+<[^>]*/spool>\)\s+= 0", x)]
    assert syncs, "\n".join(calls[:answer + 1])
    # musl 1.2.6 makes pwrite() of pwritev2
    calls = [re.sub(r"iov_len=(\d+)\}\], 1, (\d+), .*\) = ", r", \1, \2) = ", x)
             for x in calls]
    written = {int(m.group(2)): int(m.group(1)) for m in
               (re.search(r"/spool>, .*, (\d+), (\d+)\) = ", x)
                for x in calls[:syncs[0]]) if m}
    # header, both blocks of cursors, and the three records
    assert written[0] == 64 and written[4096] == 8192
    assert written[RING] > 3 * 88


# --- the file ---------------------------------------------------------------

def test_mode_0600_and_its_size_whatever_the_umask(spooled, file):
    before = os.umask(0)
    try:
        spooled(size=",size=512K")
    finally:
        os.umask(before)
    st = file.stat()
    assert stat.S_IMODE(st.st_mode) == 0o600
    assert st.st_size == RING + 512 * 1024
    assert st.st_blocks * 512 >= st.st_size, "room was not taken at once"


def fails_at_start(*options, limit=None):
    """The one line that it leaves."""
    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    p = subprocess.run([BELLWIRE, "--listen", "127.0.0.1:0", *options],
                       capture_output=True, timeout=DEADLINE,
                       preexec_fn=set_limit if limit else None)
    told = p.stderr.decode()
    assert p.returncode == 1, (p.returncode, told)
    assert p.stdout == b""
    assert len(told.splitlines()) == 1, told
    assert read_logfmt(told.strip())["level"] == "error"
    return told


@pytest.mark.parametrize("way", ["removed", "cut", "emptied"])
def test_a_file_that_goes_while_it_runs_is_made_anew(spooled, file, path, way):
    """What is queued, and what comes, is in a file that a restart finds."""
    server = spooled()
    server.accepts(group(3, name="Before"))
    if way == "removed":
        file.unlink()
    else:
        os.truncate(file, RING + 50 if way == "cut" else 0)
    server.accepts(group(3, name="After"))
    assert file.stat().st_size > 1 << 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "the spool was" in server.log() and str(file) in server.log()
    assert server.metrics()["bellwire_spool_errors_total"] == 1
    server.accepts(group(1, name="Later"))
    server.signal(signal.SIGKILL)
    server.wait()
    server = spooled()
    assert names_in(read_all(path, 7, server)) == \
        numbered(0, 3, "Before") + numbered(0, 3, "After") + ["Later0"]
    assert server.metrics()["bellwire_spool_errors_total"] == 0


def test_a_file_that_goes_is_missed_without_an_alert(spooled, file, path):
    """What is queued for a sink that is down is in no file any more."""
    server = spooled()
    server.accepts(group(3))
    file.unlink()
    wait_for("a new one", file.exists)
    wait_for("all of it", lambda: file.stat().st_size > 1 << 20)
    wait_for("its count", lambda: server.metrics()
             ["bellwire_spool_errors_total"] == 1)
    server.signal(signal.SIGKILL)
    server.wait()
    assert len(read_all(path, 3, spooled())) == 3


def test_where_no_new_file_can_be_made_nothing_is_accepted(open_folder, start):
    """The folder is not ours to write in."""
    folder = open_folder / "shut"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("needs root")
    server = start("--spool", str(folder / "spool"), "--emit",
                   f"fifo:{open_folder}/bell,mode=0666", "--user", "65534",
                   *QUICK)
    server.accepts(group(1))
    (folder / "spool").unlink()
    assert server.post(group(2)).status == 503
    assert server.status_of("/-/ready") == 503
    assert "cannot write the spool" in server.log()
    folder.chmod(0o777)  # and once it is
    send_until_200(server, group(2), pause=0.1)
    assert (folder / "spool").stat().st_size > 1 << 20


def test_a_second_process_on_the_file_is_refused(spooled, file, path):
    server = spooled()
    server.accepts(group(3))
    before = file.read_bytes()
    told = fails_at_start("--spool", str(file))
    assert "another process" in told and str(file) in told
    assert file.read_bytes() == before
    assert names_in(read_all(path, 3, server)) == numbered(0, 3)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo,
                                  lambda p: os.symlink("/dev/null", p)],
                         ids=["folder", "fifo", "device"])
def test_a_spool_that_is_no_file_fails_at_start(file, make):
    make(file)
    told = fails_at_start("--spool", str(file))
    assert str(file) in told


def test_a_folder_that_is_not_there_fails_at_start(tmp_path):
    told = fails_at_start("--spool", str(tmp_path / "no" / "spool"))
    assert str(tmp_path) in told


# --- a file that is not this spool ------------------------------------------

def full_spool(spooled, file):
    """Twelve requests with an alert each."""
    server = spooled()
    for i in range(12):
        server.accepts(payload(alert(f"Bell{i:02}")))
    kill_9(server)
    assert b"Bell11" in file.read_bytes()


def twelve(but=()):
    return [f"Bell{i:02}" for i in range(12) if i not in but]


def of_another_version(data):
    return data[:8] + b"\x01\0\0\0" + data[12:]


FOREIGN = {
    "random": lambda data: bytes((i * i * 7 + i * 13) % 251
                                 for i in range(len(data))),
    "another version": of_another_version,
    "truncated within the header": lambda data: data[:40],
    "truncated behind the header": lambda data: data[:4096],
    "truncated within the ring": lambda data: data[:RING + 700],
    "one byte short": lambda data: data[:-1],
    "longer": lambda data: data + b"\0" * 4096,
    "a bit of the header": lambda data: data[:20] + b"\x01" + data[21:],
    "no cursors": lambda data: data[:4096] + b"\0" * 8192 + data[RING:],
    "bad cursors": lambda data: data[:4100] + b"\xff" * 60 + data[4160:8196] +
    b"\xff" * 60 + data[8256:],
    "no header": lambda data: b"\0" * 4096 + data[4096:],
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_this_spool_is_kept_aside_and_told(spooled, file, path,
                                                       what):
    full_spool(spooled, file)
    data = FOREIGN[what](file.read_bytes())
    file.write_bytes(data)
    server = spooled()
    kept = [p for p in file.parent.iterdir()
            if p.name.startswith("spool") and p != file]
    assert len(kept) == 1, kept
    assert kept[0].read_bytes() == data
    told, = [x for x in server.log_lines() if str(kept[0]) in x]
    assert read_logfmt(told)["level"] in ("warn", "error")
    server.accepts(group(2, name="New"))
    notice, *lines = read_all(path, 3, server)
    assert notices([notice]) and "lost" in notice
    assert names_in(lines) == numbered(0, 2, "New")
    server.accepts(group(2, name="Newer"))
    kill_9(server)
    server = spooled()
    assert names_in(read_all(path, 2, server)) == numbered(0, 2, "Newer")


def beside(file):
    return [p for p in file.parent.iterdir()
            if p.name.startswith("spool") and p != file]


@pytest.mark.parametrize("size", ["256K", "512K", "2M"])
def test_another_size_takes_the_alerts_over(spooled, file, path, size):
    full_spool(spooled, file)
    for size in size, "1M", "300K":
        server = spooled(size=f",size={size}")
        assert taken_over(server)["records"] == 12
        assert file.stat().st_size == RING + {
            "256K": 1 << 18, "300K": 300 << 10, "512K": 1 << 19,
            "1M": 1 << 20, "2M": 1 << 21}[size]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not beside(file)
        kill_9(server)
    server = spooled()
    server.accepts(group(1, name="New"))
    assert names_in(read_all(path, 13, server)) == [*twelve(), "New0"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_another_size_of_an_empty_spool(spooled, file, path, end):
    for size in "1M", "2M", "2M", "256K", "256K":
        server = spooled(size=f",size={size}")
        assert "kept_as" not in server.log()
        server.signal(end)
        server.wait()
    server = spooled(size=",size=256K")
    server.accepts(group(1))
    assert names_in(read_all(path, 1, server)) == numbered(0, 1)
    assert not beside(file)


def test_a_moved_spool_keeps_its_mode(spooled, file):
    kill_9(spooled())
    file.chmod(0o640)
    kill_9(spooled(size=",size=2M"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_to_a_spool_is_not_replaced(spooled, start, file, tmp_path):
    full_spool(spooled, file)
    link = tmp_path / "link"
    link.symlink_to(file)
    data = file.read_bytes()
    told = fails_at_start("--spool", f"{link},size=2M")
    assert str(link) in told and "name the file itself" in told
    assert link.is_symlink() and file.read_bytes() == data
    assert not beside(file)


def has_open(parent, file):
    """A child of that process."""
    children = open(f"/proc/{parent}/task/{parent}/children").read().split()
    return any(os.path.realpath(fd) == str(file) for child in children
               for fd in Path(f"/proc/{child}/fd").iterdir())


def test_a_process_that_comes_during_the_move_gets_nothing(spooled, file, path):
    """It has opened the old file, and locks it when the new one is there:
    strace, which holds it back in front of the lock, is stopped meanwhile."""
    full_spool(spooled, file)
    late = subprocess.Popen(
        [*strace("-o", "/dev/null", "-e", "trace=flock", "-e",
                 "inject=flock:delay_enter=2000000"), BELLWIRE, "--listen",
         "127.0.0.1:0", "--spool", f"{file},size=2M"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("its open file", lambda: has_open(late.pid, file))
    late.send_signal(signal.SIGSTOP)
    server = spooled(size=",size=2M")
    server.accepts(group(1, name="New"))
    late.send_signal(signal.SIGCONT)
    out, err = late.communicate(timeout=DEADLINE)
    assert late.returncode == 1 and b"another process" in err, err
    kill_9(server)
    server = spooled(size=",size=2M")
    assert names_in(read_all(path, 13, server)) == [*twelve(), "New0"]


@pytest.mark.parametrize("call, error, told", [
    ("link,linkat", "EPERM", "kept_as"),  # vfat, exFAT: one name a file
    ("link,linkat", "EOPNOTSUPP", "kept_as"),
    ("fsync", "EINVAL", "cannot be synced")])  # no folders to be synced
def test_a_file_system_that_can_do_less(spooled, file, path, monkeypatch,
                                        tmp_path, call, error, told):
    full_spool(spooled, file)
    file.write_bytes(b"\0" * 64 + file.read_bytes()[64:])
    strace("-V")
    less = tmp_path / "bellwire"
    less.write_text(f"#!/bin/sh\nexec strace -D -qq -o /dev/null -e trace={call} "
                    f'-e inject={call}:error={error} {BELLWIRE} "$@"\n')
    less.chmod(0o755)
    monkeypatch.setattr(helpers, "BELLWIRE", str(less))
    server = spooled()
    assert told in server.log() and "kept_as" in server.log()
    assert len(beside(file)) == 1
    server.accepts(group(2, name="New"))
    assert names_in(read_all(path, 3, server)[1:]) == numbered(0, 2, "New")


def leave_twenty(start, file, path):
    """Ends with 20 alerts that standard output has got, and the FIFO not."""
    server = start("--spool", file, "--emit", f"fifo:{path}", "--emit",
                   "stdout", *QUICK)
    server.accepts(group(20))
    wait_for("the other sink", lambda: len(server.lines()) == 20)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.parametrize("size", ["", ",size=2M"])
def test_what_a_sink_leaves_behind_that_was_taken_out_is_told(start, file, path,
                                                              size):
    leave_twenty(start, file, path)
    server = start("--spool", f"{file}{size}", "--emit", "stdout")
    line, = wait_for("its notice", server.lines)
    assert " NOTICE 20 alerts were left behind " in line
    assert any("were taken out" in x and "alerts=20" in x
               for x in server.log_lines())
    assert server.metrics()["bellwire_spool_left_behind_total"] == 20


@pytest.mark.parametrize("size", ["", ",size=2M"])
@pytest.mark.parametrize("keys, left", [("", 0), (",match=severity=odd", 20)])
def test_what_a_new_sink_does_not_want_of_a_gone_one_is_told(start, file, path,
                                                             size, keys, left):
    leave_twenty(start, file, path)
    server = start("--spool", f"{file}{size}", "--emit", f"fifo:{path}2{keys}",
                   "--emit", "stdout", *QUICK)
    server.accepts(group(1, name="Last"))
    wait_for("the last", lambda: "Last0" in server.output().decode())
    assert server.metrics()["bellwire_spool_left_behind_total"] == left
    assert server.output().decode().count("NOTICE 20 alerts") == (left == 20)


@pytest.mark.parametrize("before, after, left", [
    (",match=severity=critical", ",match=severity=page", 20),
    ("", ",match=severity=page", 20),
    (",match=severity=critical", "", 0),
    (",match=severity=page", "", 0),
    (",match=severity=critical", ",match=severity!=page", 0),
])
def test_what_a_changed_match_leaves_behind_is_told(start, file, path, before,
                                                    after, left):
    """The other sink has had all; it gets the notice as well, once."""
    server = start("--spool", file, "--emit", f"fifo:{path}{before}", "--emit",
                   "stdout", *QUICK)
    server.accepts(group(20))
    server.accepts(payload(alert("Odd", labels={"severity": "odd"})))
    wait_for("the other sink", lambda: len(server.lines()) == 21)
    server.signal(signal.SIGKILL)
    server.wait()
    options = ("--spool", file, "--emit", f"fifo:{path}{after}", "--emit",
               "stdout", *QUICK)
    odd = 1 if before == "" else 0
    for first in (True, False):
        server = start(*options)
        last = f"Last{first}"
        server.accepts(payload(alert(last, labels={"severity": "page"})))
        wait_for("the last", lambda server=server, last=last: last in
                 server.output().decode())
        told = [x for x in server.lines() if "NOTICE" in x]
        assert len(told) == (first and left > 0)
        assert server.metrics()["bellwire_spool_left_behind_total"] == \
            (left + odd if first and left else 0)
        if told:
            assert f" NOTICE {left + odd} alerts were left behind " in told[0]
        server.signal(signal.SIGKILL)
        server.wait()


def test_a_sink_in_the_place_of_another_gets_what_that_had_not(start, file,
                                                               path):
    leave_twenty(start, file, path)
    server = start("--spool", file, "--emit", f"fifo:{path}2", "--emit",
                   "stdout")
    with FifoReader(f"{path}2") as reader:
        assert names_in(reader.until_lines(20)) == numbered(0, 20)
    assert server.lines() == []


def test_lines_in_a_file_are_on_disk_before_the_spool_lets_go(start, file,
                                                              tmp_path):
    """Standard output into a file: what the spool forgets would be gone at a
    power cut else."""
    server = start("--spool", file)
    log = tmp_path / "calls"
    tracer = attach(server, log, "-y", "-e", "trace=fdatasync,pwrite64")
    server.accepts(group(20))
    wait_for("the spool is done",
             lambda: server.metrics()["bellwire_spool_bytes"] == 0)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    tracer.wait(DEADLINE)
    calls = log.read_text()
    assert re.search(rf"fdatasync\(\d+<{re.escape(str(server.out))}>", calls), calls


def test_a_spool_that_is_no_regular_file(tmp_path):
    fifo = tmp_path / "spool"
    os.mkfifo(fifo)
    assert "no regular file" in fails_at_start("--spool", str(fifo))


def test_another_size_keeps_each_sinks_place(start, file, tmp_path):
    fifos = [str(tmp_path / "a"), str(tmp_path / "b")]
    options = [x for f in fifos for x in ("--emit", f"fifo:{f}")]
    server = start("--spool", file, *QUICK, *options)
    server.accepts(group(4, name="Old"))
    with FifoReader(fifos[0]) as reader:
        wait_up(server, f"fifo:{fifos[0]}")
        server.accepts(group(2, name="New"))
        assert len(reader.until_lines(6)) == 6
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    server = start("--spool", f"{file},size=300K", *QUICK, *options)
    with FifoReader(fifos[1]) as reader:
        wait_up(server, f"fifo:{fifos[1]}")
        assert names_in(reader.until_lines(6)) == [*numbered(0, 4, "Old"),
                                                   *numbered(0, 2, "New")]
    with FifoReader(fifos[0]) as reader:
        wait_up(server, f"fifo:{fifos[0]}")
        server.accepts(payload(alert("Next")))
        assert names_in(reader.until_lines(1)) == ["Next"]


def test_alerts_that_do_not_fit_are_kept_aside_and_told(spooled, file, path):
    server = spooled()
    names, _, _ = fill(server, 1 << 20)
    kill_9(server)
    data = file.read_bytes()
    server = spooled(size=",size=256K")
    kept, = beside(file)
    assert kept.read_bytes() == data
    told, = [x for x in server.log_lines() if str(kept) in x]
    assert "size" in told
    notice, = read_all(path, 1, server)
    assert notices([notice]) and "lost" in notice
    kill_9(server)
    kept.rename(file)
    server = spooled()
    assert names_in(read_all(path, len(names), server)) == names


@pytest.mark.parametrize("data", [b"x", b"root:x:0:0:root:/root:/bin/sh\n" * 9,
                                  bytes(range(256)) * 400],
                         ids=["a byte", "text", "binary"])
def test_what_never_was_a_spool_is_left_alone(file, data):
    file.write_bytes(data)
    assert "else than a spool" in fails_at_start("--spool", str(file))
    assert file.read_bytes() == data
    assert not beside(file)


def test_two_files_set_aside_in_one_second_are_both_kept(spooled, file):
    for i in range(3):
        file.write_bytes(b"bellwire %d\n" % i)
        kill_9(spooled())
    kept = {p.read_bytes() for p in beside(file)}
    assert kept == {b"bellwire %d\n" % i for i in range(3)}


def test_an_empty_file_is_a_new_spool(spooled, file, path):
    file.touch()
    server = spooled()
    server.accepts(group(2))
    assert names_in(read_all(path, 2, server)) == numbered(0, 2)
    assert len([p for p in file.parent.iterdir()
                if p.name.startswith("spool")]) == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_never_crashes_it(spooled, file, path, seed):
    """Bytes changed anywhere: it starts, and what comes then is emitted."""
    import random
    numbers = random.Random(seed)
    full_spool(spooled, file)
    good = file.read_bytes()
    used = RING + 8000
    for i in range(8):
        data = bytearray(good)
        for _ in range(numbers.choice((1, 3, 50))):
            data[numbers.randrange(used)] = numbers.randrange(256)
        file.write_bytes(data)
        server = spooled()
        server.accepts(payload(alert(f"Ok{i}")))
        with FifoReader(path) as reader:
            wait_up(server, f"fifo:{path}")
            reader.until("the alert", lambda got: b"Ok%d " % i in got)
        kill_9(server)


# --- a file that is damaged within ------------------------------------------

def damage(file, *alerts):
    """Spoils these alerts in the ring."""
    data = bytearray(file.read_bytes())
    for i in alerts:
        at = data.index(b'"alertname":"Bell%02d"' % i, RING)
        data[at] ^= 0x20
        data[at + 1] ^= 0xff
    file.write_bytes(data)


def told_and_the_others(path, server, names):
    """The NOTICE, where all others come too."""
    lines = read_all(path, len(names) + 1, server)
    notice, = notices(lines)
    assert names_in([x for x in lines if x != notice]) == names
    return notice


@pytest.mark.parametrize("spoiled, places", [
    ([5], 1), ([0], 1), ([10], 1), ([3, 4], 1), ([2, 7], 2), ([0, 5, 10], 3),
    (range(11), 1), ([11], 1), ([5, 11], 2), (range(12), 1)])
def test_a_damaged_record_is_told_and_the_others_come(spooled, file, path,
                                                      spoiled, places):
    full_spool(spooled, file)
    damage(file, *spoiled)
    server = spooled()
    assert taken_over(server)["damaged_places"] == places
    notice = told_and_the_others(path, server, twelve(but=spoiled))
    assert count_in(notice) == places
    assert "damaged" in notice or "lost" in notice


def test_a_damaged_length_is_told_and_the_others_come(spooled, file, path):
    full_spool(spooled, file)
    data = bytearray(file.read_bytes())
    length = int.from_bytes(data[RING:RING + 4], "little")
    at = RING + 5 * length  # they are all of the same length
    assert int.from_bytes(data[at:at + 4], "little") == length
    data[at:at + 4] = b"\xff\xff\xff\x7f"
    file.write_bytes(data)
    told_and_the_others(path, spooled(), twelve(but=[5]))


def test_damage_is_told_once_over_many_lives(spooled, file, path):
    full_spool(spooled, file)
    damage(file, 5)
    for i in range(3):
        server = spooled()
        server.accepts(payload(alert(f"Later{i}")))
        kill_9(server)
    server = spooled()
    with FifoReader(path) as reader:
        reader.until("the last", lambda got: b"Later2 " in got)
        reader.silence()
        lines = reader.until_lines(1)
    told = notices(lines)
    assert names_in([x for x in lines if x not in told]) == \
        [*twelve(but=[5]), *numbered(0, 3, "Later")]
    assert len(told) == 1, told


def test_damage_within_the_youngest_request_is_told_and_the_others_come(
        spooled, file, path):
    """It had its 200, and all that follows in it is good."""
    server = spooled()
    server.accepts(payload(*(alert(f"Bell{i:02}") for i in range(12))))
    kill_9(server)
    damage(file, 5)
    told_and_the_others(path, spooled(), twelve(but=[5]))


def last_record(file):
    data = file.read_bytes()
    at = RING
    while True:
        length = int.from_bytes(data[at:at + 4], "little")
        following = data[at + length:at + length + 4]
        if following == b"\0\0\0\0":
            return at, length
        at += length


@pytest.mark.parametrize("cut", ["header", "text", "one byte"])
def test_a_torn_end_is_dropped_and_logged_without_notice(spooled, file, path,
                                                         cut):
    """As a power cut leaves it, while the record was being written: nothing of
    it was synced, nobody got a 200 for it."""
    server = spooled()
    server.accepts(group(3))
    kill_9(server)
    before = file.read_bytes()
    at, length = last_record(file)
    server = spooled()
    server.accepts(group(1, name="Torn"))
    kill_9(server)
    data = bytearray(file.read_bytes())
    assert b"Torn0" in data
    torn_at, torn_length = last_record(file)
    assert torn_at == at + length
    kept = {"header": 40, "text": torn_length - 200,
            "one byte": torn_length - 16}[cut]
    data[torn_at + kept:torn_at + torn_length] = \
        before[torn_at + kept:torn_at + torn_length]
    data[4096:RING] = before[4096:RING]  # the cursors of the sync before it
    file.write_bytes(data)
    server = spooled()
    told = taken_over(server)
    assert told["torn_bytes_dropped"] > 0
    assert told["damaged_places"] == 0
    server.accepts(group(1, name="After"))
    lines = read_all(path, 4, server)
    assert names_in(lines) == [*numbered(0, 3), "After0"]
    assert any("torn_bytes_dropped" in x and "level=warn" in x
               for x in server.log_lines())


# --- a full ring ------------------------------------------------------------

def fill(server, size):
    """Groups until one finds no room; the names of those that did."""
    names = []
    for i in range(1000):
        body = group(20, name=f"F{i}x", pad=500)
        begin = time.monotonic()
        answer = server.post(body)
        if answer.status == 200:
            names += numbered(0, 20, f"F{i}x")
            continue
        assert answer.status == 503
        assert int(answer.get("Retry-After")) > 0
        assert answer.tells_one_line()
        return names, body, time.monotonic() - begin
    raise AssertionError("it took far more than its size")


def test_a_full_ring_gets_503_at_once_and_room_after_a_reader(start, file,
                                                              path):
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}",
                   "--ack-timeout", "1h")
    names, body, seconds = fill(server, 256 * 1024)
    assert len(names) > 100
    assert seconds < 5  # not after --ack-timeout
    ready = server.ask(get("/-/ready"))
    assert ready.status == 503
    metrics = server.metrics()
    assert metrics["bellwire_spool_size_bytes"] == 256 * 1024
    assert 0.5 * 256 * 1024 < metrics["bellwire_spool_bytes"] <= 256 * 1024
    assert any(k.startswith("bellwire_rejected_total") and v >= 1
               for k, v in metrics.items())
    with FifoReader(path) as reader:
        reading = Background(reader)
        send_until_200(server, body)
        wait_for("ready", lambda: server.status_of("/-/ready") == 200)
        names += [f"{body['alerts'][0]['labels']['alertname'][:-1]}{k}"
                  for k in range(20)]
        wait_for("all", lambda: reader.got.count(b"\n") >= len(names))
        reading.stop()
        assert names_in(reader.until_lines(1)) == names


def test_ready_says_that_the_spool_is_full(start, file, path):
    """Also where the sink itself is up."""
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}",
                   *QUICK)
    with FifoReader(path) as stalled:
        wait_up(server, f"fifo:{path}")
        assert server.status_of("/-/ready") == 200
        fill(server, 256 * 1024)
        ready = server.ask(get("/-/ready"))
        assert ready.status == 503
        assert "full" in ready.text()
        reading = Background(stalled)
        wait_for("ready", lambda: server.status_of("/-/ready") == 200)
        reading.stop()


def test_a_full_ring_outlives_kill_9(start, file, path):
    options = ("--spool", f"{file},size=256K", "--emit", f"fifo:{path}", *QUICK)
    server = start(*options)
    names, body, _ = fill(server, 256 * 1024)
    kill_9(server)
    server = start(*options)
    refused(server, body)
    with FifoReader(path) as reader:
        assert names_in(reader.until_lines(len(names))) == names


def test_the_ring_is_used_again_many_times(start, file, path):
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}")
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        reading = Background(reader)
        for i in range(60):
            send_until_200(server, group(20, name=f"R{i}x", pad=600))
        wait_for("all", lambda: reader.got.count(b"\n") >= 1200)
        reading.stop()
        assert names_in(reader.until_lines(1200)) == \
            [n for i in range(60) for n in numbered(0, 20, f"R{i}x")]


def test_a_streaming_body_larger_than_the_spool_waits_for_room(start, file,
                                                               path):
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}",
                   "--ack-timeout", "2s")
    body = group(1500, pad=500)
    assert len(post(body)) > 3 * 256 * 1024
    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        reading = Background(reader, piece=8192, pause=0.005)
        assert server.post(body).status == 200
        wait_for("all", lambda: reader.got.count(b"\n") >= 1500)
        reading.stop()
        assert names_in(reader.until_lines(1500)) == numbered(0, 1500)


def test_such_a_body_is_refused_when_no_sink_makes_progress(start, file, path):
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}",
                   "--ack-timeout", "300ms")
    body = group(1500, pad=500)
    begin = time.monotonic()
    with server.connect() as c:
        try:
            c.send(post(body))
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = c.answer()
    assert answer.status == 503
    assert int(answer.get("Retry-After")) > 0
    assert 0.25 < time.monotonic() - begin
    with FifoReader(path) as reader:
        reading = Background(reader)
        send_until_200(server, body)
        wait_for("all", lambda: reader.got.count(b"\n") >= 1500)
        reading.stop()
        assert names_in(reader.until_lines(1500)) == numbered(0, 1500)


def test_an_empty_spool_has_room_for_what_fits_in_it(start, file, path):
    """Nearly half of it was queued and is done; then comes a request that
    needs more than half, since each alert keeps its groupKey of 12 KB."""
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}",
                   *QUICK)

    def large(n):
        body = payload(*(alert(f"Large{n}x{k}") for k in range(n)),
                       groupKey="{}:{x=\"%s\"}" % ("k" * 12000))
        assert len(post(body)) < 32768
        return body

    with FifoReader(path) as reader:
        wait_up(server, f"fifo:{path}")
        server.accepts(large(10))
        assert len(reader.until_lines(10)) == 10
        wait_for("all is done", lambda: server.metrics()
                 ["bellwire_spool_bytes"] == 0)
        time.sleep(0.5)
        send_until_200(server, large(16), seconds=5, pause=0.1)


# --- several sinks ----------------------------------------------------------

def test_cursors_find_their_sinks_by_name_when_reordered(start, file, path):
    a, b = path + "a", path + "b"
    server = start("--spool", str(file), "--emit", f"fifo:{a}", "--emit",
                   f"fifo:{b}")
    with FifoReader(a) as reader:
        wait_up(server, f"fifo:{a}")
        server.accepts(group(10))
        assert names_in(reader.take_lines(10)) == numbered(0, 10)
        # nothing tells from outside when the file knows of it
        time.sleep(0.5)
        server.metrics()
    kill_9(server)
    server = start("--spool", str(file), "--emit", f"fifo:{b}", "--emit",
                   "stdout,match=alertname=New", "--emit", f"fifo:{a}",
                   "--ack-timeout", "300ms")
    with FifoReader(b) as reader:
        assert names_in(reader.until_lines(10)) == numbered(0, 10)
        reader.silence(0.1)
    with FifoReader(a) as reader:
        wait_up(server, f"fifo:{a}")
        reader.silence()
        server.accepts(payload(alert("New")))
        assert names_in(reader.until_lines(1)) == ["New"]
    wait_for("stdout", lambda: names_in(server.lines()) == ["New"])
    kill_9(server)


def test_a_sink_that_is_taken_away_holds_nothing_back(start, file, path):
    gone = path + "gone"
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{gone}",
                   "--emit", f"fifo:{path}", *QUICK)
    server.accepts(group(10))
    kill_9(server)
    server = start("--spool", f"{file},size=256K", "--emit", f"fifo:{path}")
    with FifoReader(path) as reader:
        reading = Background(reader)
        for i in range(30):
            send_until_200(server, group(20, name=f"R{i}x", pad=600))
        wait_for("all", lambda: reader.got.count(b"\n") >= 610)
        reading.stop()


def test_stdout_goes_on_where_it_stopped(start, file):
    server = start("--spool", str(file))
    server.accepts(group(5, name="Old"))
    wait_for("written", lambda: len(server.lines()) == 5)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    server = start("--spool", str(file))
    server.accepts(group(2, name="New"))
    wait_for("written", lambda: len(server.lines()) >= 2)
    assert names_in(server.lines()) == numbered(0, 2, "New")


# --- no room on the disk ----------------------------------------------------

def test_a_full_disk_fails_at_start(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    p = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none",
                        str(disk)], capture_output=True, text=True)
    if p.returncode:
        pytest.skip(f"no small disk: {p.stderr.strip()}")
    try:
        told = fails_at_start("--spool", f"{disk}/spool,size=1M")
        assert "room" in told and f"{disk}/spool" in told
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_limit_of_file_size_fails_at_start(file):
    told = fails_at_start("--spool", str(file), limit=400 * 1024)
    assert str(file) in told

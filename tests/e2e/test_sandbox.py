"""What bellwire gives away once everything is open."""
import ctypes
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from delivery_helpers import FifoReader, Terminal
from helpers import (BELLWIRE, DEADLINE, HERE, Client, alert, get, group, names_in,
                     payload, post, read_logfmt, run, wait_for)

LIBC = ctypes.CDLL(None, use_errno=True)
LANDLOCK_ABI = LIBC.syscall(444, None, 0, 1)
CALLS = {line.split()[0] for line in
         (HERE.parents[1] / "src/guard/calls.def").read_text().splitlines()
         if line[:1].isalpha()}

needs_landlock = pytest.mark.skipif(LANDLOCK_ABI < 1,
                                    reason="no Landlock in this kernel")


def status(server):
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def limits(server):
    text = Path(f"/proc/{server.process.pid}/limits").read_text()
    return {m.group(1): (m.group(2), m.group(3)) for m in re.finditer(
        r"^(Max .*?)  +(\S+) +(\S+)", text, re.M)}


def told(server):
    return [e for e in map(read_logfmt, server.log_lines())
            if "sandbox" in e["msg"]]


def test_is_on_by_default(server):
    assert status(server)["Seccomp"] == "2"
    assert status(server)["NoNewPrivs"] == "1"
    event, = told(server)
    assert event["seccomp"] == "1"
    assert event["landlock_abi"] == str(max(LANDLOCK_ABI, 0))
    assert event["level"] == "info" if LANDLOCK_ABI > 0 else "warn"
    got = limits(server)
    assert got["Max processes"] == ("0", "0")
    assert got["Max core file size"] == ("0", "0")
    assert got["Max open files"][0] == got["Max open files"][1]


def test_off(start):
    server = start("--sandbox", "off")
    assert status(server)["Seccomp"] == "0"
    assert told(server) == []


@needs_landlock
def test_require(start):
    server = start("--sandbox", "require")
    assert status(server)["Seccomp"] == "2"
    server.accepts(payload(alert()))


def test_wrong_mode():
    done = run("check", "--sandbox", "yes")
    assert done.returncode == 2
    assert b"auto, require or off" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_no_memory_is_writable_and_executable(server):
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "r-xp" in maps
    for line in maps.splitlines():
        assert not re.match(r"\S+ .?w.?x|\S+ .wx", line), line


# --- what a kernel may lack -------------------------------------------------

LACKS = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
# a filter of our own: Landlock, or seccomp's own call, fails
what = sys.argv[1]
def i(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
if what == "landlock":   # ENOSYS
    code = [i(0x20, 0, 0, 0), i(0x15, 0, 1, 444), i(6, 0, 0, 0x50000 | 38),
            i(6, 0, 0, 0x7fff0000)]
else:                    # prctl(PR_SET_SECCOMP): EINVAL
    code = [i(0x20, 0, 0, 0), i(0x15, 0, 3, 157), i(0x20, 0, 0, 16),
            i(0x15, 0, 1, 22), i(6, 0, 0, 0x50000 | 22),
            i(6, 0, 0, 0x7fff0000)]
program = b"".join(code)
buffer = ctypes.create_string_buffer(program)
prog = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, prog, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="call numbers")
@pytest.mark.parametrize("what", ["landlock", "seccomp"])
@pytest.mark.parametrize("mode", ["auto", "require"])
def test_what_the_kernel_lacks(what, mode, tmp_path):
    err = tmp_path / "err"
    with err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", LACKS, what, BELLWIRE, "--listen",
             "127.0.0.1:0", "--sandbox", mode], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        if mode == "require":
            assert process.wait(DEADLINE) == 1
            assert err.read_text().count("\n") == 1
            assert "--sandbox: the kernel has no" in err.read_text()
            return
        wait_for("listening", lambda: "listening" in err.read_text())
        lines = [line for line in err.read_text().splitlines()
                 if "sandbox" in line]
        assert len(lines) == 1 and "level=warn" in lines[0]
        assert ("landlock_abi=0" if what == "landlock" else "seccomp=0") in \
            lines[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


# --- files that are needed again --------------------------------------------

@needs_landlock
@pytest.mark.parametrize("how", ["in place", "renamed", "by link",
                                 "as Kubernetes does"])
def test_secrets_are_read_again(start, tmp_path, how):
    etc = tmp_path / "etc"
    etc.mkdir()
    token = etc / "token"
    if how == "by link":
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive/token1").write_text("old\n")
        token.symlink_to("../archive/token1")
    elif how == "as Kubernetes does":
        (etc / "..1").mkdir()
        (etc / "..1/token").write_text("old\n")
        (etc / "..data").symlink_to("..1")
        token.symlink_to("..data/token")
    else:
        token.write_text("old\n")
    server = start("--auth-token-file", str(token), "--sandbox", "require")
    old = "Authorization: Bearer old"
    new = "Authorization: Bearer new"
    assert server.ask(post(payload(alert()), old)).status == 200
    if how == "in place":
        token.write_text("new\n")
    elif how == "renamed":
        (etc / "token.new").write_text("new\n")
        (etc / "token.new").rename(token)
    elif how == "by link":
        (tmp_path / "archive/token2").write_text("new\n")
        token.unlink()
        token.symlink_to("../archive/token2")
    else:
        (etc / "..2").mkdir()
        (etc / "..2/token").write_text("new\n")
        (etc / "..data").unlink()
        (etc / "..data").symlink_to("..2")
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: "reload" in server.log())
    assert server.ask(post(payload(alert()), new)).status == 200
    assert server.ask(post(payload(alert()), old)).status == 401


@needs_landlock
def test_what_is_elsewhere_is_out_of_reach(start, tmp_path):
    """A secret that becomes a link to a file of another folder is not read."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "other").mkdir()
    token = tmp_path / "etc/token"
    token.write_text("old\n")
    (tmp_path / "other/token").write_text("new\n")
    server = start("--auth-token-file", str(token))
    token.unlink()
    token.symlink_to(tmp_path / "other/token")
    server.signal(signal.SIGHUP)
    wait_for("the refusal", lambda: "reload failed" in server.log())
    assert "Permission denied" in server.log()


def test_a_fifo_that_is_removed_is_made_again(start, tmp_path):
    fifo = tmp_path / "bell"
    server = start("--emit", f"fifo:{fifo}", "--sandbox", "auto")
    with FifoReader(fifo) as reader:
        server.accepts(payload(alert("One")))
        assert names_in(reader.until_lines(1)) == ["One"]
    fifo.unlink()
    server.signal(signal.SIGHUP)
    wait_for("the new one", fifo.exists)
    with FifoReader(fifo) as reader:
        server.accepts(payload(alert("Two")))
        assert names_in(reader.until_lines(1)) == ["Two"]


def test_a_unix_socket_is_removed_at_the_end(start, tmp_path):
    path = tmp_path / "socket"
    server = start(listen=(f"unix:{path}",))
    assert path.is_socket()
    server.stop()
    server.ended_by_test = True
    assert not path.exists()


# --- calls ------------------------------------------------------------------

def test_an_unlisted_call_kills(start):
    """A debugger makes it ask for a call that it would never make."""
    server = start()
    done = subprocess.run(
        ["gdb", "-q", "-batch", "-nx", "-p", str(server.process.pid),
         "-ex", "set $rax=57", "-ex", "set $rip=$rip-2", "-ex", "continue"],
        capture_output=True, text=True, timeout=DEADLINE)
    server.ended_by_test = True
    assert server.process.wait(DEADLINE) == -signal.SIGSYS, done.stdout


def traced_calls(trace):
    """The calls behind the filter's coming into force."""
    calls = set()
    on = False
    for line in trace.read_text("utf-8", "replace").splitlines():
        call = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if on and call:
            calls.add(call.group(1))
        if "PR_SET_SECCOMP" in line:
            on = True
    assert on, "the filter did not come"
    return calls


def test_calls_stay_inside_the_list(start, tmp_path):
    """A day's work under strace: every call that was made is on the list, and
    of those on the list few are never seen here."""
    fifo, trace = tmp_path / "bell", tmp_path / "trace"
    token = tmp_path / "token"
    token.write_text("t\n")
    terminal = Terminal()
    folder = tmp_path / "server"
    folder.mkdir()
    out, err = (folder / "out").open("wb"), (folder / "err").open("wb")
    process = subprocess.Popen(
        ["strace", "-o", str(trace), BELLWIRE, "--listen",
         f"unix:{folder}/s", "--listen", "127.0.0.1:0", "--emit",
         f"fifo:{fifo}", "--emit", "stdout", "--emit",
         f"serial:{terminal.path}", "--spool", f"{folder}/spool",
         "--auth-token-file", str(token), "--deadman", "200ms"],
        stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        log = folder / "err"
        wait_for("listening", lambda: log.read_text().count("listening") == 2)
        port = re.search(r"127\.0\.0\.1:(\d+)", log.read_text()).group(1)
        bearer = "Authorization: Bearer t"
        with FifoReader(fifo) as reader:
            for address in (f"unix:{folder}/s", f"127.0.0.1:{port}"):
                with Client(address) as c:
                    for request in (post(payload(alert()), bearer),
                                    post(group(200), bearer),
                                    get("/metrics", bearer),
                                    get("/-/ready"), post(b"{", bearer)):
                        c.send(request)
                        c.answer()
                        reader.some()
                        terminal.some()
        child = int(subprocess.run(["pgrep", "-P", str(process.pid)],
                                   capture_output=True).stdout)
        fifo.unlink()
        os.kill(child, signal.SIGHUP)
        wait_for("the FIFO", fifo.exists)
        os.kill(child, signal.SIGTERM)
        process.wait(DEADLINE)
        made = traced_calls(trace)
        assert made <= CALLS, made - CALLS
        assert {"ppoll", "accept4", "fdatasync", "mknod", "getrusage",
                "rt_sigreturn", "exit_group"} <= made
        assert made & {"pwrite64", "pwritev2"}  # the latter by musl 1.2.6
    finally:
        process.kill()
        process.wait()
        terminal.close()
        out.close()
        err.close()

"""bellwire as built for another board, run by tests/targets: what it does there
is what it does here. BELLWIRE is that program, NATIVE the one of this machine.

The spool's bytes do not depend on the machine, so a file that one of them has
left is read by the other; one of the boards is big-endian."""
import os
import platform
import re
import signal
import subprocess

from pathlib import Path

import pytest

import helpers
from conftest import start
from delivery_helpers import FifoReader, kill_9, numbered, wait_up
from helpers import (SAMPLES, alert, get, group, names_in, payload, post,
                     post_chunked, run, sample, wait_for)
from tls_helpers import TlsClient, context, events, pki, start_tls

NATIVE = os.environ["NATIVE"]
TARGET = os.environ["TARGET"]


def native(*args, stdin=b""):
    return subprocess.run([NATIVE, *args], input=stdin, capture_output=True,
                          timeout=helpers.DEADLINE)


def timeless(lines):
    """A notice has the time of its own making."""
    return re.sub(rb"(?m)^(ts=)?\S+Z (?=.*notice)", b"", lines, flags=re.I)


@pytest.mark.parametrize("name", SAMPLES)
def test_renders_the_same(name):
    for how in (("line",), ("json",), ("logfmt",),
                ("t", "--template", 't={status:9}{labels.alertname|"-"}')):
        args = ("render", "--format", *how)
        here = native(*args, stdin=sample(name))
        assert here.stdout and here.returncode == 0
        there = run(*args, stdin=sample(name))
        assert there.returncode == 0, there
        assert timeless(there.stdout) == timeless(here.stdout)


@pytest.mark.parametrize("command", ["version", "check", "--help"])
def test_says_the_same(command):
    """Limits, defaults and what is built in."""
    assert run(command).stdout == native(command).stdout


def test_refuses_the_same():
    for bad in (b'{"alerts":[', b'{"alerts":[{"labels":{"a":1}}]}', b"\xff"):
        here = native("render", stdin=bad)
        assert here.returncode == 1 and here.stderr
        there = run("render", stdin=bad)
        assert (there.returncode, there.stderr) == (1, here.stderr)


def test_serves(start):
    server = start("--dedup", "5m")
    answer = server.accepts(payload(alert("Bell", labels={"x": "ü\n"})))
    assert answer.text() == "accepted 1 alert\n"
    assert server.ask(post_chunked(group(3))).status == 200
    assert server.post(b"{").status == 400
    assert server.ask(get("/alerts")).text().count('"alertname"') == 4
    assert server.metrics()['bellwire_alerts_total{status="firing"}'] == 4
    assert names_in(server.lines()) == ["Bell", *numbered(0, 3)]
    assert run("probe", f"http://{server.addresses[0]}/-/ready").returncode == 0


def test_decodes_a_large_group(start):
    server = start()
    server.accepts(group(2000, pad=200))
    wait_for("all lines", lambda: len(server.lines()) == 2000)
    assert names_in(server.lines()) == numbered(0, 2000)


@pytest.mark.parametrize("writer, reader", [
    ("native", "board"), ("board", "native"), ("board", "board")])
def test_spool_is_read(writer, reader, start, tmp_path, monkeypatch):
    """Killed with alerts in the spool; the other one goes on where it was."""
    programs = {"native": NATIVE, "board": helpers.BELLWIRE}
    path = str(tmp_path / "bell")
    options = ("--spool", str(tmp_path / "spool"), "--emit", f"fifo:{path}",
               "--emit", "stdout")
    monkeypatch.setattr(helpers, "BELLWIRE", programs[writer])
    server = start(*options)
    server.accepts(group(20))
    wait_for("the lines", lambda: len(server.lines()) == 20)
    wait_for("cursors in the file", lambda: server.accepts(
        payload(alert("Last"))))
    kill_9(server)
    monkeypatch.setattr(helpers, "BELLWIRE", programs[reader])
    server = start(*options)
    with FifoReader(path) as fifo:
        wait_up(server, f"fifo:{path}")
        assert names_in(fifo.until_lines(21)) == [*numbered(0, 20), "Last"]
    told, = events(server, "spool taken over")
    assert (told["records"], told["torn_bytes_dropped"]) == ("21", "0")
    # standard output is not given again what it had
    assert len(server.lines()) <= 1


def test_tls(start_tls, pki):
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    server.accepts(group(40, pad=300))
    assert names_in(server.lines()) == numbered(0, 40)
    with pytest.raises(OSError):  # without a certificate
        TlsClient(server.addresses[0], context(pki))


def test_tokens(start, tmp_path):
    """SHA-256 and the comparison."""
    token = tmp_path / "token"
    token.write_text("sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72"
                     "b9807785afee48bb\n")  # of "a"
    token.chmod(0o600)
    server = start("--auth-token-file", str(token))
    body = payload(alert())
    assert server.ask(post(body)).status == 401
    assert server.ask(post(body, "Authorization: Bearer b")).status == 401
    assert server.ask(post(body, "Authorization: Bearer a")).status == 200


def test_calls_are_listed(start, tmp_path):
    """qemu has no seccomp, so a call that is missing in src/guard/calls.def would kill
    on the board alone: look at what is called once the filter is asked for."""
    log, path = tmp_path / "calls", str(tmp_path / "bell")
    with open("src/guard/calls.def") as f:
        listed = {x.split()[0] for x in f if x[:1] not in "#\n"}
    server = start("--spool", str(tmp_path / "spool"), "--emit",
                   f"fifo:{path}", "--emit", "stdout",
                   env=os.environ | {"QEMU_STRACE": "1",
                                     "QEMU_LOG_FILENAME": str(log)})
    server.accepts(group(20))
    with FifoReader(path) as fifo:
        wait_up(server, f"fifo:{path}")
        assert names_in(fifo.until_lines(20)) == numbered(0, 20)
        server.signal(signal.SIGHUP)
        wait_for("the reload", lambda: "reloaded" in server.log())
        server.accepts(payload(alert()))
        fifo.until_lines(21)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    asked = re.search(r"prctl\(22,2,", log.read_text())
    called = set(re.findall(r"^\d+ (\w+)\(", log.read_text()[asked.end():],
                            re.M))
    assert len(called) > 10
    assert called <= listed, called - listed


def test_works_as_well_on_an_old_kernel(start, tmp_path, monkeypatch):
    """What musl falls back to is on the list: the clock's call of 32 bits, and
    socketcall."""
    if platform.machine() != "x86_64" or TARGET != "i386":
        pytest.skip("needs a kernel that runs i386 programs")
    wrapper = tmp_path / "bellwire"
    wrapper.write_text(f'#!/bin/sh\nexec tests/old-kernel {helpers.BELLWIRE} '
                       '"$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(helpers, "BELLWIRE", str(wrapper))
    server = start("--spool", str(tmp_path / "spool"),
                   "--emit", f"fifo:{tmp_path}/bell", "--emit", "stdout")
    assert "msg=sandboxed" in server.log()
    server.accepts(group(20))
    assert server.ask(get("/metrics")).status == 200
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: "reloaded" in server.log())
    server.accepts(payload(alert()))

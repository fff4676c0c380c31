"""Sockets handed over and word of our state, as systemd does both."""
import os
import re
import signal
import socket
import subprocess
import termios
import time
import urllib.request

from delivery_helpers import cpu_seconds
from helpers import get
from test_stack import BELLWIRE, wait_for
from test_tls_clients import number_of
from tls_helpers import Client, Wire, context, pki  # noqa: F401


def run(tmp_path, env, sockets=(), options=()):
    """Starts bellwire as systemd would: LISTEN_PID is its own."""
    script = "export LISTEN_PID=$$; exec \"$@\"" if sockets else "exec \"$@\""

    def hand_over():
        fds = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)

    log = (tmp_path / "log").open("wb")
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", BELLWIRE, "--listen", "127.0.0.1:0",
         *options],
        env=os.environ | env, preexec_fn=hand_over, close_fds=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)


def stop(p):
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 0


def test_sockets_handed_over_take_the_place_of_listen(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        p = run(tmp_path, {"LISTEN_FDS": "1"}, [s])
        try:
            url = f"http://127.0.0.1:{port}/-/healthy"
            assert urllib.request.urlopen(url, timeout=20).status == 200
            log = (tmp_path / "log").read_text()
            assert re.findall(r"msg=listening address=(\S+)", log) == \
                [f"127.0.0.1:{port}"]
        finally:
            stop(p)


def test_who_reads_nothing_of_its_handshake_costs_no_time(tmp_path, pki):  # noqa: F811
    """An answer for which the socket has no room: nothing but room can set the
    handshake going again, whatever the client sends."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        address = "127.0.0.1:%d" % s.getsockname()[1]
        large = pki.issue("large", subject="/CN=bell", extensions=[
            "subjectAltName=IP:127.0.0.1", "nsComment=" + "x" * 11000])
        p = run(tmp_path, {"LISTEN_FDS": "1"}, [s], large.options)
        try:
            with Client(address, room=1) as c:
                wire = Wire(context(pki))
                c.send(wire.flight()[0])
                wait_for("a part of the answer",
                         lambda: number_of(c, termios.FIONREAD))
                c.send(b"\x16")  # and it has begun to go on
                began, before = time.monotonic(), cpu_seconds(p.pid)
                time.sleep(1)
                used = cpu_seconds(p.pid) - before
                assert used < (time.monotonic() - began) / 4, \
                    f"{used} s of CPU time"
                sent = [1]
                wire.finish(c, lambda out: c.send(out[sent.pop():]))
                c.send(wire.seal(get("/-/healthy")))
                assert b"bellwire is healthy" in wire.open(c)
        finally:
            stop(p)


def test_descriptors_of_another_process_are_not_taken(tmp_path):
    p = run(tmp_path, {"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    try:
        wait_for("an address of its own", lambda: "msg=listening" in
                 (tmp_path / "log").read_text())
    finally:
        stop(p)


def test_ready_watchdog_and_stopping_are_told(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(20)
        p = run(tmp_path, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
        try:
            assert s.recv(100) == b"READY=1"
            assert [s.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        finally:
            stop(p)
        s.settimeout(1)
        rest = []
        while b"STOPPING=1" not in rest:
            rest.append(s.recv(100))
        assert set(rest) <= {b"WATCHDOG=1", b"STOPPING=1"}

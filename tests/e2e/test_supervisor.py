"""Sockets handed over and word of our state, as systemd does both."""
import os
import re
import signal
import socket
import subprocess
import urllib.request

from test_stack import BELLWIRE, wait_for


def run(tmp_path, env, sockets=()):
    """Starts bellwire as systemd would: LISTEN_PID is its own."""
    script = "export LISTEN_PID=$$; exec \"$@\"" if sockets else "exec \"$@\""

    def hand_over():
        fds = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)

    log = (tmp_path / "log").open("wb")
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", BELLWIRE, "--listen", "127.0.0.1:0"],
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

"""The main job, on real input: node_exporter is scraped, rules fire,
Alertmanager posts, and bellwire prints a line for each alert."""
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BELLWIRE = os.environ.get("BELLWIRE", str(ROOT / "build/bellwire"))
DEADLINE = 90


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [str(s.getsockname()[1]) for s in sockets]
    for s in sockets:
        s.close()
    return ports


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(c) for c in text.split()]


def name_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


def wait_for(what, condition):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {DEADLINE} s for {what}")


def test_alert_fires_repeats_and_resolves(tmp_path):
    names = ("BELLWIRE_PORT", "NODE_PORT", "PROMETHEUS_PORT",
             "ALERTMANAGER_PORT")
    env = os.environ | dict(zip(names, free_ports(4)))
    out = tmp_path / "lines"
    err = tmp_path / "log"
    with out.open("wb") as o, err.open("wb") as e:
        demo = subprocess.Popen(
            [str(ROOT / "deploy/prometheus/demo/run"), BELLWIRE],
            stdin=subprocess.DEVNULL, stdout=o, stderr=e, env=env,
            # it is ignored where the tests were begun in the background
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        def lines(pattern):
            assert demo.poll() is None, err.read_text()
            return re.findall(pattern, out.read_text(), re.M)

        instance = f'127.0.0.1:{env["NODE_PORT"]}'
        memory = (rf'^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ FIRING warning '
                  rf'HighMemoryUsage\{{instance="{instance}",'
                  rf'job="node_exporter_161"\}} Instance {instance} '
                  rf'has high memory usage$')
        cpu = memory.replace("warning", "critical") \
            .replace("Memory", "CPU").replace("memory", "CPU")
        wait_for("a firing alert of each rule",
                 lambda: lines(memory) and lines(cpu))
        wait_for("a repeat", lambda: len(lines(memory)) >= 2)
        started = children(demo.pid)
        node = [c for c in started if "node-exporter" in name_of(c)]
        os.kill(node[0], signal.SIGTERM)
        wait_for("the resolved alerts",
                 lambda: lines(memory.replace("FIRING", "RESOLVED")) and
                 lines(cpu.replace("FIRING", "RESOLVED")))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(DEADLINE) == 0
        wait_for("the end of all that the demo started", lambda: not any(
            Path(f"/proc/{c}").exists() for c in started))
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            demo.wait(DEADLINE)

"""A real Alertmanager meets a FIFO that nobody reads: it gets 503, sends the
group again, and each alert comes out once when the reader is there."""
import datetime
import json
import os
import re
import subprocess
import time
import urllib.request

from test_stack import BELLWIRE, free_ports, wait_for

CONFIG = """
route: {receiver: bell, group_by: [alertname], group_wait: 2s,
        group_interval: 1h, repeat_interval: 4h}
receivers:
  - name: bell
    webhook_configs: [{url: 'http://127.0.0.1:%s/webhook'}]
"""


def post_alerts(port, names):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    alerts = [{"labels": {"alertname": "Absent", "instance": name},
               "annotations": {"summary": f"{name} is down"},
               "startsAt": now} for name in names]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/alerts",
        json.dumps(alerts).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).close()


def ready(port):
    try:
        url = f"http://127.0.0.1:{port}/-/ready"
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def refusals(log):
    return log.read_text().count("code=503")


def test_alerts_for_an_absent_reader_come_once(tmp_path):
    port, am_port = free_ports(2)
    fifo, log = tmp_path / "bell", tmp_path / "log"
    (tmp_path / "alertmanager.yml").write_text(CONFIG % port)
    names = [f"host{i}" for i in range(20)]
    started = []
    with log.open("wb") as err, (tmp_path / "am.log").open("wb") as am_log:
        started.append(subprocess.Popen(
            [BELLWIRE, "--listen", f"127.0.0.1:{port}", "--emit",
             f"fifo:{fifo}", "--ack-timeout", "1s"],
            stdin=subprocess.DEVNULL, stderr=err))
        started.append(subprocess.Popen(
            ["prometheus-alertmanager", "--config.file",
             str(tmp_path / "alertmanager.yml"), "--storage.path",
             str(tmp_path / "data"), "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{am_port}"],
            stdin=subprocess.DEVNULL, stdout=am_log, stderr=am_log))
    reader = None
    try:
        wait_for("Alertmanager", lambda: ready(am_port))
        post_alerts(am_port, names)
        wait_for("two refusals", lambda: refusals(log) >= 2)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        got = b""

        def read_all():
            nonlocal got
            try:
                got += os.read(reader, 65536)
            except BlockingIOError:
                pass
            return got.count(b"\n") >= len(names)

        wait_for("all alerts", read_all)

        def acknowledged():
            url = f"http://127.0.0.1:{port}/metrics"
            page = urllib.request.urlopen(url, timeout=5).read().decode()
            return re.search(r"^bellwire_notifications_total [1-9]", page,
                             re.M)

        wait_for("the 200", acknowledged)
        time.sleep(0.3)
        read_all()
        lines = got.decode().splitlines()
        found = sorted(re.findall(r'instance="(host\d+)"', got.decode()))
        assert found == sorted(names), lines
    finally:
        if reader is not None:
            os.close(reader)
        for p in started:
            p.terminate()
        for p in started:
            p.wait(20)

"""deploy/systemd: what systemd-analyze thinks of the units, and a systemd of our
own, in a container made of this machine's /usr, that runs them."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import BELLWIRE
from tls_helpers import pki  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "deploy/systemd"
PROBE = ROOT / "tests/e2e/systemd"

# What is left open, and why: no root directory of its own (the program is one
# file, the tree is read-only), word to systemd, and what ProtectClock= leaves.
OPEN = {"RootDirectoryOrRootImage", "RestrictAddressFamilies_AF_UNIX",
        "DeviceAllow"}
VERSION = int(re.match(r"systemd (\d+)", subprocess.run(
    ["systemctl", "--version"], capture_output=True, text=True).stdout)[1])


DROP_INS = ["fifo.conf", "serial.conf", "tls.conf"]


@pytest.fixture(params=["as it is", *DROP_INS])
def units(request, tmp_path):
    """The samples; the program stands where it was built."""
    for name in ("bellwire.service", "bellwire.socket"):
        text = (SAMPLES / name).read_text()
        if VERSION < 254:  # it says so, and goes on
            text = re.sub(r"^Restart(Steps|MaxDelaySec)=.*\n", "", text,
                          flags=re.M)
        (tmp_path / name).write_text(
            text.replace("/usr/local/bin/bellwire", BELLWIRE))
    if request.param in DROP_INS:
        text = (SAMPLES / request.param).read_text()
        (tmp_path / "bellwire.service.d").mkdir()
        (tmp_path / "bellwire.service.d" / request.param).write_text(
            text.replace("/usr/local/bin/bellwire", BELLWIRE))
    return tmp_path


def test_every_drop_in_is_tried():
    assert sorted(DROP_INS) == sorted(p.name for p in SAMPLES.glob("*.conf"))


def analyze(*args):
    return subprocess.run(["systemd-analyze", "--no-pager", *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60)


def test_systemd_understands_every_line(units):
    p = analyze("verify", str(units / "bellwire.service"),
                str(units / "bellwire.socket"))
    assert (p.returncode, p.stdout) == (0, "")


def test_exposure_is_low(units):
    """0.2, and with a serial line 0.5: it has to see the devices."""
    serial = (units / "bellwire.service.d/serial.conf").exists()
    p = analyze("security", "--offline=true",
                f"--threshold={5 if serial else 2}",
                str(units / "bellwire.service"))
    assert p.returncode == 0, p.stdout
    p = analyze("security", "--offline=true", "--json=short",
                str(units / "bellwire.service"))
    rows = json.loads(p.stdout)
    assert len(rows) > 70
    assert {r["json_field"] for r in rows
            if r["set"] is False and r["exposure"]} == OPEN | (
                {"PrivateDevices", "SupplementaryGroups"} if serial else set()), \
        p.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can boot a container")
def test_units_run_under_a_real_systemd(server, pki, tmp_path):
    units = tmp_path / "units"
    probe = tmp_path / "probe"
    shutil.copytree(SAMPLES, units)
    shutil.copy(PROBE / "probe.service", units)
    probe.mkdir()
    shutil.copy(PROBE / "probe", probe)
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "token").write_text("a-token-of-the-test\n")
    for name, file in (("ca.pem", pki.ca.cert), ("cert.pem", pki.server().cert),
                       ("key.pem", pki.server().key),
                       ("client.pem", pki.client().cert),
                       ("client.key", pki.client().key)):
        shutil.copy(file, secrets / name)
    p = subprocess.run(
        ["timeout", "--signal=TERM", "--kill-after=10", "300",
         "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
         f"--machine=bellwire-{os.getpid()}", "--directory=/",
         "--volatile=yes", "--private-network", "--tmpfs=/usr/local",
         f"--bind-ro={BELLWIRE}:/usr/local/bin/bellwire",
         f"--bind-ro={units}:/etc/systemd/system",
         f"--bind-ro={SAMPLES}:/samples",
         f"--bind-ro={secrets}:/etc/bellwire", f"--bind={probe}:/probe",
         # What nspawn's own filter leaves out, the units' must let through.
         "--system-call-filter=landlock_create_ruleset landlock_add_rule"
         " landlock_restrict_self",
         "--console=pipe", "/lib/systemd/systemd", "--unit=probe.service"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, errors="replace", text=True)
    said = p.stdout + "".join(f.read_text() for f in probe.glob("[oe]*"))
    assert p.returncode == 0, said
    saw = dict(line.partition("=")[::2]
               for line in (probe / "out").read_text().split("\n") if line)
    # Its own sandbox is as whole as outside.
    assert f"msg=sandboxed {saw.pop('sandbox')}\n" in server.log(), said
    assert int(saw.pop("resident_kb")) < 4096, said
    assert int(saw.pop("uid")) > 61183, "no dynamic user"
    assert saw == {
        "before": "inactive",
        "healthy": "200",
        "no_token": "401",
        "posted": "200",
        "status": "notify,active,running",
        "network": "lo",
        "rights": "CapEff 0000000000000000,NoNewPrivs 1,Seccomp 2,",
        "restart": "success,200",
        "spooled": "200",
        "fifo": "2026-11-24T02:00:00Z FIRING - Spooled",
        "modes": "750:adm,640:adm,600",
        "stopped": "success,0",
        "watchdog": "30s",
        "after_hang": "200",
        "hang": "seen",
        "late": "200,active",
        "sharp": "200",
        "priority": "6",
        "serial": "200",
        "heard": "2026-11-24T02:00:00Z FIRING - Serial",
        "allowed": "char-rtc r,char-pts rw,closed",
        "tls": "200",
        "stranger": "000",
        "probe": "0",
    }, said

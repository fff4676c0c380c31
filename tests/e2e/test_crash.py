"""A short share of tests/crash and tests/faults, which take minutes."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from helpers import BELLWIRE, HERE


def run(script, *args):
    p = subprocess.run([sys.executable, str(HERE.parent / script), *args],
                       env={**os.environ, "BELLWIRE": BELLWIRE},
                       capture_output=True, text=True, timeout=240)
    assert p.returncode == 0, p.stdout + p.stderr
    rows = [[cell.strip() for cell in x.strip("|").split("|")]
            for x in p.stdout.splitlines() if x.startswith("|")]
    return rows[2:]  # behind the head and the rule


def test_kill_9_under_load_loses_nothing_that_got_200():
    row, = run("crash", "25")
    assert row[0].startswith("kill -9")
    assert row[1] == "25"
    assert int(row[2]) > 500
    assert row[3] == "0"


@pytest.mark.parametrize("words", [
    ("ppoll EINTR burst", "ppoll ENOMEM every"),
    ("accept4 EMFILE burst", "read EAGAIN every"),
    ("write fifo EIO burst", "write stdout ENOSPC every"),
    ("pwrite64 EINTR burst", "fdatasync EIO burst"),
    ("start: fallocate ENOSPC", "start: pread64 EIO")])
def test_calls_that_fail_lose_nothing(words):
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    probe = subprocess.run(["strace", "-o", os.devnull, "true"],
                           capture_output=True)
    if probe.returncode:
        pytest.skip("strace may not trace here")
    rows = run("faults", *words)
    assert len(rows) == len(words)
    for row in rows:
        assert int(row[3]) > 0, f"nothing failed: {row}"
        assert row[5] == "0"
        assert not re.search("BAD", row[7])

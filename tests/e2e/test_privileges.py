"""--user, --chroot, and what is given up in any case. Run as root."""
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import helpers
from helpers import alert, payload, post, wait_for
from tls_helpers import ends_with_2, events, pki, start_tls

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def status(server):
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return {k: v.split() for k, _, v in
            (line.partition(":") for line in text.split("\n"))}


@pytest.fixture
def for_all(open_folder):
    """With a copy that anyone can run."""
    shutil.copy(helpers.BELLWIRE, open_folder / "bellwire")
    (open_folder / "bellwire").chmod(0o755)
    return open_folder


AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.mark.parametrize("user, uid, gid", [
    ("65534", 65534, 65534), ("1234", 1234, 1234), ("1234:5678", 1234, 5678),
    ("1234:0", 1234, 0), ("nobody", 65534, 65534), ("daemon", 1, 1),
    ("0:77", 0, 77)])
def test_user(user, uid, gid, start, tmp_path):
    server = start("--user", user)
    s = status(server)
    assert s["Uid"] == [str(uid)] * 4
    assert s["Gid"] == [str(gid)] * 4
    assert s["Groups"] in ([], [str(gid)])
    server.accepts(payload(alert()))
    assert server.metrics()["process_open_fds"] > 0


@pytest.mark.parametrize("user, gid", [
    ("1234:5678", "5678"), ("nobody", "65534"), ("0:77", "77")])
def test_groups_are_dropped(user, gid, start, for_all, monkeypatch):
    """All that root is in where it was started."""
    script = for_all / "in-groups"
    script.write_text(f"#!/bin/sh\nexec setpriv --groups 4,6,27 "
                      f"{for_all}/bellwire \"$@\"\n")
    script.chmod(0o755)
    monkeypatch.setattr(helpers, "BELLWIRE", str(script))
    assert status(start())["Groups"] == ["4", "6", "27"]
    assert status(start("--user", user))["Groups"] in ([], [gid])


def test_rights_are_gone_for_good(start):
    server = start("--user", "1234:5678")
    s = status(server)
    for capabilities in ("CapPrm", "CapEff", "CapInh"):
        assert int(s[capabilities][0], 16) == 0
    # real, effective, saved and of the file system: no way back by set*id
    assert set(s["Uid"]) == {"1234"} and set(s["Gid"]) == {"5678"}
    # no child or thread that kept them
    tasks = Path(f"/proc/{server.process.pid}/task")
    assert len(list(tasks.iterdir())) == 1
    assert (tasks / str(server.process.pid) / "children").read_text() == ""


def test_names_come_from_passwd(start):
    entry = next(e for e in pwd.getpwall() if e.pw_uid not in (0, e.pw_gid))
    s = status(start("--user", entry.pw_name))
    assert s["Uid"] == [str(entry.pw_uid)] * 4
    assert s["Gid"] == [str(entry.pw_gid)] * 4
    assert s["Groups"] in ([], [str(entry.pw_gid)])


@pytest.mark.parametrize("user", [
    "no-such-user", "nobod", "nobodyx", "1234:", "1234:x", ":1234", "-1",
    "4294967295", "1:4294967295", "99999999999", "1234:5:6", "nobody:x",
    "+5", "12 34", "root:x:0"])
def test_unknown_users(user):
    text = ends_with_2("--user", user, "--listen", "127.0.0.1:0",
                       command=None)
    assert "--user" in text and "UID:GID" in text


def test_empty_user():
    assert "--user" in ends_with_2("--user", "")


@pytest.mark.parametrize("user", ["no-such-user", "1234:x"])
def test_check_finds_unknown_users(user):
    """check reads the configuration: what serve refuses, it refuses."""
    assert "--user" in ends_with_2("--user", user)


def test_everything_is_open_before(start, tmp_path):
    """A low port, a folder that only root can write to, secrets of root."""
    folder = tmp_path / "roots"
    folder.mkdir(0o700)
    token = folder / "token"
    token.write_text("t\n")
    token.chmod(0o600)
    server = start("--user", "1234", "--auth-token-file", str(token),
                   "--spool", f"{folder}/spool", "--emit", "stdout",
                   listen=("127.0.0.1:0", f"unix:{folder}/socket"))
    assert server.ask(post(payload(alert()),
                           "Authorization: Bearer t")).status == 200
    assert len(server.lines()) == 1
    # what cannot be reached any more is told, the old stays in force
    server.signal(signal.SIGHUP)
    event = wait_for("the failure", lambda: events(
        server, "reload failed, the old files stay in force"))[0]
    assert str(token) in event["why"] and "--auth-token-file" in event["why"]
    assert server.ask(post(payload(alert()),
                           "Authorization: Bearer t")).status == 200


def test_key_of_root_with_user(start_tls, pki):
    server = start_tls("--user", "1234")
    assert pki.server().key.stat().st_mode & 0o777 == 0o600
    server.accepts(payload(alert()))


def test_chroot(start, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    token = tmp_path / "token"
    token.write_text("t\n")
    token.chmod(0o600)
    server = start("--chroot", str(root), "--user", "1234:5678",
                   "--auth-token-file", str(token))
    process = Path(f"/proc/{server.process.pid}")
    assert os.path.samefile(process / "root", root)
    assert os.path.samefile(process / "cwd", root)
    assert status(server)["Uid"] == ["1234"] * 4
    assert server.ask(post(payload(alert()),
                           "Authorization: Bearer t")).status == 200
    # the same path inside is what SIGHUP reads
    inside = root / str(token).lstrip("/")
    inside.parent.mkdir(parents=True)
    inside.write_text("u\n")
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: events(server, "reloaded"))
    assert server.ask(post(payload(alert()),
                           "Authorization: Bearer u")).status == 200


def test_chroot_alone(start, tmp_path):
    server = start("--chroot", str(tmp_path))
    assert os.path.samefile(f"/proc/{server.process.pid}/root", tmp_path)
    assert status(server)["Uid"] == ["0"] * 4
    server.accepts(payload(alert()))


def test_chroot_to_nowhere(tmp_path):
    p = helpers.run("--chroot", f"{tmp_path}/nothing", "--listen",
                    "127.0.0.1:0")
    assert p.returncode in (1, 2)
    lines = [x for x in p.stderr.decode().split("\n")
             if x.startswith("bellwire: ")]
    assert len(lines) == 1 and "--chroot" in lines[0]
    assert "No such file" in lines[0]


def test_user_that_may_not_be_taken(for_all):
    """Without the right to change ids it must not go on as what it is."""
    p = subprocess.run(
        [*AS_NOBODY, f"{for_all}/bellwire", "--user", "1234", "--listen",
         "127.0.0.1:0"], capture_output=True, timeout=20, text=True)
    assert p.returncode in (1, 2), p
    assert "--user" in p.stderr and "not permitted" in p.stderr.lower()


def limits(server):
    text = Path(f"/proc/{server.process.pid}/limits").read_text()
    return re.search(r"Max core file size\s+(\S+)\s+(\S+)", text).groups()


@pytest.mark.parametrize("options", [(), ("--user", "1234")])
def test_no_core_dump(options, start):
    assert limits(start(*options)) == ("0", "0")


def test_not_dumpable(start, for_all, monkeypatch):
    """Started by an ordinary user, so that no set*id makes it so: the files
    of its process belong to root then, and that user cannot look into it."""
    script = for_all / "as-nobody"
    script.write_text(f"#!/bin/sh\nexec {' '.join(AS_NOBODY)} "
                      f"{for_all}/bellwire \"$@\"\n")
    script.chmod(0o755)
    monkeypatch.setattr(helpers, "BELLWIRE", str(script))
    server = start()
    assert status(server)["Uid"] == ["65534"] * 4
    process = f"/proc/{server.process.pid}"
    wait_for("the end of its start",
             lambda: os.stat(f"{process}/fd").st_uid == 0)
    assert limits(server) == ("0", "0")
    for file in ("mem", "environ", "maps"):
        p = subprocess.run(
            [*AS_NOBODY, "cat", f"{process}/{file}"], capture_output=True,
            timeout=20)
        assert p.returncode and not p.stdout, file
    server.accepts(payload(alert()))


def test_memory_is_sealed(start):
    """What RELRO names is read-only once the program runs, and nothing is both
    writable and executable. Nobody but bellwire itself sees to the first."""
    server = start()
    headers = subprocess.run(["readelf", "-lW", helpers.BELLWIRE], text=True,
                             stdout=subprocess.PIPE, check=True).stdout
    at, size = (int(x, 16) for x in re.search(
        r"GNU_RELRO +\S+ (\S+) \S+ \S+ (\S+)", headers).groups())
    maps = [re.match(r"(\w+)-(\w+) (\S+) .* (\S*)$", line).groups()
            for line in Path(f"/proc/{server.process.pid}/maps")
            .read_text().splitlines()]
    base = min(int(first, 16) for first, _, _, name in maps
               if name.endswith("/bellwire"))
    rights = {page: r for first, end, r, _ in maps for page in
              range(int(first, 16), int(end, 16), 4096)}
    sealed = range(base + at // 4096 * 4096, base + at + size, 4096)
    assert sealed
    assert {rights[page] for page in sealed} == {"r--p"}
    assert not any("w" in r and "x" in r for r in rights.values())

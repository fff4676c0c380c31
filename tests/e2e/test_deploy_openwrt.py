"""deploy/openwrt: which command line and which jail come out of which UCI
configuration, whether bellwire takes it, and whether the package is whole."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

import helpers
from delivery_helpers import FifoReader
from helpers import BELLWIRE, HERE, alert, get, payload, run
from tls_helpers import context, pki, secure  # noqa: F401

ROOT = HERE.parents[1]
SAMPLES = ROOT / "deploy/openwrt"
INIT = SAMPLES / "files/bellwire.init"
CONFIG = (SAMPLES / "files/bellwire.config").read_text()
SECCOMP = SAMPLES / "files/bellwire.seccomp.json"
EVERYTHING = re.sub(r"#(list|option) ", r"\1 ", CONFIG)


def uci(text):
    """What `uci export` makes of a configuration: an option with nothing in it is
    left out, the last one of a name counts, unless one of them is a list."""
    sections = []
    for line in text.splitlines():
        word, *rest = shlex.split(line, comments=True) or [""]
        if word == "config":
            kind, name = (*rest, f"cfg{len(sections)}")[:2]
            sections.append((kind, name, {}))
        elif word:
            name, value = rest
            assert word in ("list", "option")
            there, values = sections[-1][2].get(name, (word, []))
            if word == there == "option":
                values = []
            elif "list" in (word, there):
                word = "list"
            if value or word == "list":
                sections[-1][2][name] = (word, [*values, value])
    return "".join(
        f"config {kind} {section}\n" + "".join(
            f"{word} {name} {shlex.quote(value)}\n"
            for name, (word, values) in options.items() for value in values)
        for kind, section, options in sections)


class Procd:
    """What one run of the init script, by OpenWrt's shell, told procd: of each
    instance the command, the parameters and the mounts of its jail; and the log."""

    def __init__(self, tmp_path, text, ujail=True, seccomp=True, user=True,
                 how="start_service"):
        tmp_path.mkdir(parents=True, exist_ok=True)
        (tmp_path / "config").write_text(text)
        if text:
            (tmp_path / "uci").write_text(uci(text))
        (tmp_path / "passwd").write_text(
            "root:x:0:0::/:/bin/ash\n" + "bellwire:x:5000:5000::/:/bin/false\n"
            * user)
        for name, there in (("ujail", ujail), ("seccomp", seccomp)):
            if there:
                (tmp_path / name).touch(0o755)
        script = f""". {HERE}/openwrt/functions.sh; . {INIT}
            UJAIL={tmp_path}/ujail SECCOMP={tmp_path}/seccomp
            CONFIG={tmp_path}/config PASSWD={tmp_path}/passwd
            {how} || exit 9; service_triggers"""
        p = subprocess.run(
            ["busybox", "ash", "-u", "-c", script], text=True, capture_output=True,
            env=os.environ | {"UCI": str(tmp_path / "uci"),
                              "SAID": str(tmp_path / "said")}, timeout=60)
        assert (p.stdout, p.stderr) == ("", "")
        calls = [line.split("\x1f")[:-1] for line in
                 (tmp_path / "said").read_text().splitlines()]
        assert calls.pop(0) == ["config_load", "bellwire"]
        self.log, self.owned, self.instances = [], [], {}
        if p.returncode == 0:
            assert calls.pop() == ["procd_add_reload_trigger", "bellwire"]
        else:
            assert p.returncode == 9
        for name, *args in calls:
            self.hear(name, args)

    def hear(self, name, args):
        if name == "procd_open_instance":
            self.now = self.instances[args[0]] = {}
        elif name == "procd_close_instance":
            self.now = None
        elif name == "procd_set_param":
            assert args[0] not in self.now
            self.now[args[0]] = args[1:]
        elif name == "procd_append_param":
            self.now[args[0]] += args[1:]
        elif name == "chown":
            self.owned.append(args)
        elif name == "logger":
            *how, line = args
            assert how == ["-s", "-t", "bellwire", "-p", "daemon.err"]
            self.log.append(line)
        elif name == "config_load":
            assert args == ["bellwire"]
        else:
            assert name not in self.now
            self.now[name] = args


def accepted(command):
    """As bellwire understands it; the list of what it says is in force."""
    p = run("check", *command[1:])
    assert p.returncode == 0, p.stderr
    return [line for line in p.stdout.decode().splitlines()
            if not line.startswith("#")]


SERVICE = {"respawn": ["3600", "5", "0"], "stdout": ["1"], "stderr": ["1"],
           "term_timeout": ["15"]}
CONFINED = {"user": ["bellwire"], "group": ["bellwire"]}


def test_the_configuration_as_it_is(tmp_path):
    procd = Procd(tmp_path, CONFIG)
    command = ["/usr/sbin/bellwire", "--listen", "127.0.0.1:5000",
               "--emit", "stdout"]
    assert procd.instances == {"main": {
        "command": command, **SERVICE, **CONFINED, "no_new_privs": ["1"],
        "procd_add_jail": ["bellwire-main", "procfs"],
        "seccomp": [f"{tmp_path}/seccomp"]}}
    in_force = accepted(command)
    assert "listen = 127.0.0.1:5000" in in_force and "emit = stdout" in in_force


@pytest.fixture
def placed(tmp_path, pki):  # noqa: F811
    """Moves what a configuration names to places of the test's own."""
    (tmp_path / "token").write_text("a-token\n")
    for name, file in (("cert", pki.server().cert), ("key", pki.server().key),
                       ("ca", pki.ca.cert)):
        shutil.copy(file, tmp_path / f"{name}.pem")

    def place(text):
        return text.replace("/etc/bellwire/", f"{tmp_path}/") \
            .replace("/var/run/bellwire/", f"{tmp_path}/run/")

    return place


def files_of(folder):
    return [f"{folder}/{name}" for name in
            ("cert.pem", "key.pem", "ca.pem", "token")]


def test_all_that_the_configuration_mentions(tmp_path, placed):
    """The serial line keeps it out of the jail."""
    procd = Procd(tmp_path, placed(EVERYTHING))
    main = procd.instances["main"]
    assert main == {
        "command": ["/usr/sbin/bellwire",
                    "--listen", "127.0.0.1:5000",
                    "--listen", "192.168.1.1:5000",
                    "--allow", "127.0.0.0/8", "--allow", "192.168.1.10",
                    "--emit", "stdout",
                    "--emit", f"fifo:{tmp_path}/run/alerts,mode=0644",
                    "--emit", "serial:/dev/ttyUSB0,baud=9600,width=80,ascii=yes",
                    "--tls-cert", f"{tmp_path}/cert.pem",
                    "--tls-key", f"{tmp_path}/key.pem",
                    "--tls-client-ca", f"{tmp_path}/ca.pem",
                    "--auth-token-file", f"{tmp_path}/token",
                    "--health", "127.0.0.1:5001",
                    "--spool", f"{tmp_path}/run/spool,size=256K"],
        **SERVICE, "file": files_of(tmp_path)}
    assert len([x for x in accepted(main["command"])
                if x.startswith("emit = ")]) == 3
    assert procd.log == []


def test_all_kinds_of_sinks_start_together(tmp_path, placed, start,
                                           pki):  # noqa: F811
    """The folder of FIFO and spool is made, also beside a serial line; and health
    is asked for without a certificate."""
    primary, secondary = os.openpty()
    try:
        procd = Procd(tmp_path, placed(EVERYTHING).replace(
            "/dev/ttyUSB0", os.ttyname(secondary)).replace(
            "list listen '192.168.1.1:5000'", "").replace(
            "127.0.0.1:5001", "127.0.0.1:0"))
        command = procd.instances["main"]["command"][1:]
        at = command.index("--listen")
        server = start(*command[:at], *command[at + 2:])
        probe = run("probe", f"http://{server.addresses[-1]}")
        assert probe.returncode == 0, probe.stderr
        server.addresses = server.addresses[:1]
        client = pki.client()
        secure(server, context(pki, client))
        secret = "Authorization: Bearer a-token"
        with FifoReader(tmp_path / "run/alerts") as reader:
            request = helpers.post(payload(alert("Together")), secret)
            assert server.ask(request).status == 200
            assert " FIRING critical Together " in reader.take_lines(1)[0]
        assert b" FIRING critical Together " in os.read(primary, 4096)
    finally:
        os.close(primary)
        os.close(secondary)


WRONG = [
    ("option listen '127.0.0.1:5000'", "main: option listen: expected list listen"),
    ("option emit 'stdout'", "main: option emit: expected list emit"),
    ("list spool '/tmp/spool'", "main: list spool: expected option spool"),
    ("list enabled '1'", "main: list enabled: expected option enabled"),
    ("option auth_token_flie '/t'", "main: option auth_token_flie: unknown"),
    ("list alow '127.0.0.1'", "main: list alow: unknown"),
    ("option user 'root'", "main: option user: unknown"),
    ("option auth_token_file ''", "option auth_token_file: empty"),
    ('option "auth_hmac_file"  "" # later', "option auth_hmac_file: empty"),
    ("list allow ''", "main: list allow: empty"),
    ("option enabled 'maybe'", "main: option enabled 'maybe': expected 0 or 1"),
    ("config belwire 'attic'", "config belwire 'attic': unknown, expected bellwire"),
]


@pytest.mark.parametrize("how", ["start_service", "reload_service"])
@pytest.mark.parametrize("line, said", WRONG)
def test_a_line_that_would_be_passed_over_stops_the_start(tmp_path, line, said,
                                                          how):
    text = CONFIG.replace("\toption enabled '1'\n", "") if "enabled" in line \
        else CONFIG
    if line.split()[1] in ("listen", "emit"):
        text = re.sub(rf"\n\tlist {line.split()[1]} .*", "", text)
    procd = Procd(tmp_path, f"{text}\t{line}\n", how=how)
    assert procd.instances == {}
    assert procd.log == [f"{tmp_path}/config: {said}"]


@pytest.mark.parametrize("text, user, said", [
    (CONFIG, False, "no user bellwire in {}/passwd"),
    ("", True, "cannot be read, see: uci show bellwire")])
def test_what_else_stops_the_start(tmp_path, text, user, said):
    procd = Procd(tmp_path, text, user=user)
    assert procd.instances == {}
    assert procd.log == [f"{tmp_path}/config: " + said.format(tmp_path)]


def test_reload_takes_a_configuration_that_is_right(tmp_path):
    procd = Procd(tmp_path, CONFIG, how="reload_service")
    assert list(procd.instances) == ["main"] and procd.log == []


@pytest.mark.parametrize("ujail", [True, False])
@pytest.mark.parametrize("seccomp", [True, False])
def test_the_jail_reaches_what_the_options_need(tmp_path, placed, ujail,
                                                seccomp):
    without_serial = "\n".join(line for line in EVERYTHING.splitlines()
                               if "serial" not in line)
    procd = Procd(tmp_path, placed(without_serial), ujail, seccomp)
    main = procd.instances["main"]
    accepted(main.pop("command"))
    run_folder = f"{tmp_path}/run"
    expected = {**SERVICE, **CONFINED, "file": files_of(tmp_path)}
    if ujail:
        expected |= {
            "no_new_privs": ["1"],
            "procd_add_jail": ["bellwire-main", "procfs"],
            "procd_add_jail_mount": files_of(tmp_path),
            "procd_add_jail_mount_rw": [run_folder, run_folder]}
    if ujail and seccomp:
        expected["seccomp"] = [f"{tmp_path}/seccomp"]
    assert main == expected
    assert procd.owned == [["bellwire:bellwire", run_folder]]
    assert (tmp_path / "run").is_dir()


def test_words_stay_whole_and_sections_apart(tmp_path):
    procd = Procd(tmp_path, """
        config bellwire 'desk'
            list template 'short={STATUS} "{labels.alertname}" $(id) `id` *'
            list emit 'stdout,format=short,match=severity!=info,match=team=a b'
            list listen 'unix:%s/sockets/desk'
            option deadman '15m,alertname=Watchdog'
        config bellwire 'cellar'
            option enabled '0'
        config bellwire 'attic'
            list listen '127.0.0.1:5001'
        """ % tmp_path)
    assert list(procd.instances) == ["desk", "attic"]
    assert procd.instances["desk"]["command"] == [
        "/usr/sbin/bellwire", "--listen", f"unix:{tmp_path}/sockets/desk",
        "--emit", "stdout,format=short,match=severity!=info,match=team=a b",
        "--template", 'short={STATUS} "{labels.alertname}" $(id) `id` *',
        "--deadman", "15m,alertname=Watchdog"]
    assert procd.instances["desk"]["procd_add_jail_mount_rw"] == \
        [f"{tmp_path}/sockets"]
    for instance in procd.instances.values():
        accepted(instance["command"])


def test_uci_has_every_option_of_the_program():
    script = INIT.read_text()
    names = [name.replace("_", "-") for words in re.findall(
        r'^(?:LISTS|FILES|VALUES)="([^"]*)"', script, re.M)
        for name in words.split()]
    assert len(names) == len(set(names)) > 15
    options = set(re.findall(r"^  --([a-z-]+)", run("--help").stdout.decode(),
                             re.M))
    # --user and --chroot are procd's business.
    assert options == set(names) | {"user", "chroot"}


def sandbox_of(server):
    return re.search(r"msg=sandboxed (.*)$", server.log(), re.M).group(1)


def test_the_seccomp_profile_lets_the_program_do_its_work(start, tmp_path,
                                                          monkeypatch):
    names = json.loads(SECCOMP.read_text())["syscalls"][0]["names"]
    assert names == sorted(set(names))
    # clock_gettime32 is what musl calls the kernel's clock_gettime
    assert set(re.findall(r"^(\w+)\t", (ROOT / "src/guard/calls.def").read_text(),
                          re.M)) - {"clock_gettime32"} < set(names)
    plain = start("--emit", f"fifo:{tmp_path}/fifo")
    wrapper = tmp_path / "bellwire"
    wrapper.write_text(f"#!/bin/sh\nexec {HERE}/openwrt/confined {SECCOMP} "
                       f"{BELLWIRE} \"$@\"\n")
    wrapper.chmod(0o755)
    monkeypatch.setattr(helpers, "BELLWIRE", str(wrapper))
    token = tmp_path / "token"
    token.write_text("a-token\n")
    server = start("--emit", "stdout", "--emit", f"fifo:{tmp_path}/fifo",
                   "--spool", f"{tmp_path}/spool", "--auth-token-file", token,
                   listen=("127.0.0.1:0", f"unix:{tmp_path}/socket"))
    assert sandbox_of(server) == sandbox_of(plain)
    secret = "Authorization: Bearer a-token"
    with FifoReader(tmp_path / "fifo") as reader:
        request = helpers.post(payload(alert("Confined")), secret)
        assert server.ask(request).status == 200
        assert " FIRING critical Confined " in reader.take_lines(1)[0]
    assert server.ask(get("/metrics", secret)).status == 200
    assert server.ask(get("/alerts", secret)).status == 200
    token.write_text("another\n")
    server.signal(signal.SIGHUP)
    helpers.wait_for("the new token", lambda: server.ask(
        get("/metrics", "Authorization: Bearer another")).status == 200)


def test_the_seccomp_profile_forbids_the_rest():
    p = subprocess.run([HERE / "openwrt/confined", SECCOMP, "/bin/sh", "-c",
                        "uname >/dev/null; exit 0"], timeout=60)
    assert p.returncode == -signal.SIGSYS


# --- the package ------------------------------------------------------------

RULES = """
INCLUDE_DIR:=$(TOPDIR)/include
TOOLCHAIN_DIR:=$(TOPDIR)/toolchain
TARGET_CROSS:=
TARGET_CC:=gcc
TARGET_CFLAGS:=-Os -pipe -march=x86-64
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
INSTALL_DATA:=install -m0644
"""
PACKAGE = """
PKG_BUILD_DIR:=$(TOPDIR)/build/$(PKG_NAME)-$(PKG_VERSION)
define BuildPackage
compile:
	$$(call Build/Prepare)
	$$(call Build/Compile)
install:
	$$(call Package/$(1)/install,$$(DEST))
endef
"""


@pytest.fixture
def sdk(tmp_path):
    """make(*ARGUMENTS) of the package, in a tree that has as much of OpenWrt's as
    the Makefile asks for; the package stands in a feed, by a link."""
    (tmp_path / "include").mkdir()
    (tmp_path / "rules.mk").write_text(RULES)
    (tmp_path / "include/package.mk").write_text(PACKAGE)
    (tmp_path / "feed").symlink_to(SAMPLES)

    def make(*args):
        p = subprocess.run(
            ["make", "-C", tmp_path / "feed", f"TOPDIR={tmp_path}", *args],
            text=True, capture_output=True, timeout=120,
            env={k: v for k, v in os.environ.items()
                 if not k.startswith("MAKE") and k != "O"})
        assert p.returncode == 0, p.stderr
        return p.stdout

    return make


def test_the_package_is_compiled_with_the_toolchains_musl(sdk, tmp_path):
    said = sdk("-n", "V=1", "compile")
    version = re.search(r"^VERSION := (\S+)$",
                        (ROOT / "Makefile").read_text(), re.M).group(1)
    build = f"{tmp_path}/build/bellwire-{version}"
    assert re.search(rf"^gcc .*-isystem {tmp_path}/toolchain/include.* -Os -pipe"
                     rf" -march=x86-64 .*-c src/main/main\.c -o {build}/main/main\.o$",
                     said.replace("\\\n", " ").replace("\t", " "), re.M), said
    assert f"{tmp_path}/toolchain/lib/rcrt1.o" in said


def test_the_package_has_all_its_files(sdk, tmp_path):
    version = re.search(r"^VERSION := (\S+)$",
                        (ROOT / "Makefile").read_text(), re.M).group(1)
    build = tmp_path / f"build/bellwire-{version}"
    build.mkdir(parents=True)
    shutil.copy(BELLWIRE, build)
    dest = tmp_path / "dest"
    sdk("install", f"DEST={dest}")
    found = {str(p.relative_to(dest)): p.stat().st_mode & 0o777
             for p in dest.rglob("*") if p.is_file()}
    assert found == {"usr/sbin/bellwire": 0o755, "etc/init.d/bellwire": 0o755,
                     "etc/config/bellwire": 0o600,
                     "etc/seccomp/bellwire.json": 0o644}
    script = (dest / "etc/init.d/bellwire").read_text()
    assert script.startswith("#!/bin/sh /etc/rc.common\n")
    for path in re.findall(r"^(?:PROG|SECCOMP)=/(\S+)$", script, re.M):
        assert path in found

"""What a user does with bellwire, on the real kernel of a board. tests/boards/run
calls pytest with this file once for each machine:

    BOARD    which of machines.py
    BELLWIRE the program
    O        where images, certificates and notes go; NOTES the file for these
"""
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import os
import re
import ssl
import subprocess
import time
from pathlib import Path

import pytest

import helpers
from delivery_helpers import numbered
from guest import PATIENCE, Bellwire, Guest, Line
from helpers import (Client, alert, get, group, names_in, payload, post,
                     wait_for)
from tls_helpers import EC_KINDS, TlsClient, context, pki  # noqa: F401

BOARD, PROGRAM = os.environ["BOARD"], os.environ["BELLWIRE"]
FOLDER = Path(os.environ["O"]) / "boards"
helpers.DEADLINE = 120 * PATIENCE  # an emulated machine is a slow one
PASSWD = b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
NOTES = {}
short = pytest.mark.short


# --- the machine --------------------------------------------------------------

def images():
    """File systems to be mounted there. Times on ext4 with inodes of 128 bytes
    end in 2038."""
    for kind in "ext4", "vfat", "exfat":
        path = FOLDER / kind
        if not path.exists():
            new = FOLDER / f"{kind}.{os.getpid()}"
            new.write_bytes(bytes(8 << 20))
            subprocess.run([f"/usr/sbin/mkfs.{kind}",
                            *(["-q", "-F", "-I", "128"] if kind == "ext4"
                              else []), new],
                           check=True, stdout=subprocess.DEVNULL)
            new.rename(path)
        yield f"img/{kind}.gz", gzip.compress(path.read_bytes()), 0o644


# At once, without a network, before anything waits for random numbers.
EARLY = """
bellwire render </payload >/early.out 2>/early.err
echo $? >/early.rc
cut -d' ' -f1 /proc/uptime >/early.at
dmesg | grep -c 'crng init done' >/early.crng
"""


@pytest.fixture(scope="session")
def guest(pki):  # noqa: F811
    pairs = {"ca": pki.ca, "ringer": pki.client()} | {
        kind: pki.server(kind) for kind in ("p256", "p384", "rsa2048")}
    files = [(f"pki/{name}.{what}", path.read_bytes(), 0o600)
             for name, pair in pairs.items()
             for what, path in (("pem", pair.cert), ("key", pair.key))]
    files += [("etc/passwd", PASSWD, 0o644), *images(),
              ("seed", os.urandom(32), 0o600),
              ("payload", helpers.as_bytes(payload(alert("Ä", labels={
                  "x": "a\nb"}))), 0o644)]
    g = Guest(BOARD, PROGRAM, FOLDER, files, EARLY)
    try:
        g.tls = "tls=yes" in g.out("bellwire version")

        def has(pattern):
            return g.sh(f"grep -q -E ' ({pattern})$' /proc/kallsyms")[0] == 0
        g.has_seccomp = has("__seccomp_filter|seccomp_set_mode_filter|"
                            "prctl_set_seccomp")
        lsm = g.out("cat /sys/kernel/security/lsm; dmesg | grep -i landlock")
        g.has_landlock = has("hook_file_open|landlock_init|"
                             "sys_landlock_restrict_self") and "landlock" in lsm
        g.has_ipv6 = g.sh("[ -e /proc/net/if_inet6 ]")[0] == 0
        g.page = int(re.search(r"KernelPageSize: +(\d+)", g.out(
            "cat /proc/self/smaps")).group(1)) * 1024
        NOTES.update(kernel=g.release, page=g.page, boot_s=round(g.boot_s),
                     seccomp=g.has_seccomp, landlock=g.has_landlock,
                     ipv6=g.has_ipv6, target=g.machine.target)
        yield g
    finally:
        g.close()
        with open(os.environ["NOTES"], "w") as f:
            json.dump(NOTES, f)


@pytest.fixture(scope="module", params=["auto", "require"])
def sandbox(request, guest):
    whole = guest.has_seccomp and guest.has_landlock
    if request.param == "require" and not whole:
        pytest.skip("the kernel has not all that --sandbox=require asks for")
    return request.param


class Board:
    """What a scenario does on the machine, undone behind it."""

    def __init__(self, guest, sandbox):
        self.guest, self.sandbox, self.live = guest, sandbox, []
        self.line, self.read_of_line = guest.line, 0

    def start(self, *options, **how):
        if self.sandbox != "auto":
            options += (f"--sandbox={self.sandbox}",)
        b = Bellwire(self.guest, "--listen", ":5000", *options, **how)
        self.live.append(b)
        return b

    def start_tls(self, kind, *options, **how):
        if not self.guest.tls:
            pytest.skip("built without TLS")
        return self.start("--tls-cert", f"/pki/{kind}.pem", "--tls-key",
                          f"/pki/{kind}.key", *options, **how)

    def ask(self, request, tls=None):
        address = f"127.0.0.1:{self.guest.ports[0]}"
        client = TlsClient(address, tls) if tls else Client(address)
        with client:
            client.send(request)
            return client.answer()

    def post(self, *alerts, **how):
        return self.ask(post(payload(*alerts)), **how)

    def accepts(self, body, **how):
        answer = self.ask(post(body), **how)
        assert answer.status == 200, answer
        return answer.text()

    def ready(self):
        return self.ask(get("/-/ready")).status

    def serial(self, **keys):
        """The option for the second UART, which is drained first."""
        if self.line is None:
            self.line = self.guest.line = Line(self.guest.attach("sink"))
        seen = -1
        while seen != len(self.line.got):
            seen = len(self.line.got)
            time.sleep(0.2)
        self.read_of_line = seen
        return f"serial:/dev/{self.guest.machine.sink}" + "".join(
            f",{key}={value}" for key, value in keys.items())

    def serial_lines(self, n):
        """What came since the last call, once it is so many lines."""
        def come():
            return self.line.got[self.read_of_line:]
        wait_for(f"{n} lines", lambda: come().count(b"\n") >= n)
        got = come()
        self.read_of_line += len(got)
        return got.decode()

    def hold(self, held):
        """XOFF, XON."""
        self.line.send(b"\x13" if held else b"\x11")
        time.sleep(1)  # until its UART has taken that byte: nothing tells

    def stty(self):
        return self.guest.out(f"stty -a -F /dev/{self.guest.machine.sink}")

    def read_fifo(self, name):
        self.guest.sh(f"cat /tmp/w/bell >/tmp/w/{name} & "
                      f"echo $! >/tmp/w/{name}.pid")

    def got(self, name):
        return self.guest.out(f"cat /tmp/w/{name}")

    def cleanup(self):
        ended = {b.n: b.status() for b in self.live}
        for b in self.live:
            if ended[b.n] is None:
                b.kill()
        self.guest.sh("killall cat dd 2>/dev/null; rm -rf /tmp/w/*")
        # 0, 1, 2: as promised; 137: killed by the scenario
        assert set(ended.values()) <= {None, 0, 1, 2, 137}, ended


@pytest.fixture
def board(guest, sandbox):
    b = Board(guest, sandbox)
    yield b
    b.cleanup()


# --- the program --------------------------------------------------------------

@short
def test_commands(board):
    def there(command):
        return board.guest.sh(f"cd /tmp/w; {command}")
    assert there("bellwire version")[0] == 0
    status, said = there("bellwire check --emit fifo:/tmp/w/bell")
    assert status == 0 and "fifo:/tmp/w/bell" in said
    assert there("bellwire --help")[0] == 0
    line = ('2026-11-24T02:00:00Z FIRING critical Ä{x="a\\nb"} about Ä\n')
    assert there("bellwire render </payload | cat") == (0, line)
    for form in "json", "logfmt":
        status, said = there(f"bellwire render --format {form} </payload")
        assert status == 0 and "critical" in said
    assert there("echo '{\"alerts\":[' | bellwire render")[0] == 1
    assert there("bellwire --nonsense")[0] == 2


@short
def test_renders_without_random_numbers(board):
    """As its first program, at once: the kernel may have no random numbers
    yet, and nothing here needs them."""
    read = board.guest.out
    assert read("cat /early.rc").strip() == "0", read("cat /early.err")
    assert "FIRING critical Ä" in read("cat /early.out")
    assert "waiting" not in read("cat /early.err")
    NOTES["early_s"] = float(read("cat /early.at"))
    NOTES["early_crng"] = read("cat /early.crng").strip() != "0"


def written_at_start_only():
    """(first, last) byte, from where the file begins, of the sections that
    relocation writes and nothing else does."""
    said = subprocess.run(["readelf", "-SW", PROGRAM + ".debug"], text=True,
                          capture_output=True, check=True).stdout
    sizes = {int(at, 16): int(size, 16) for at, size in re.findall(
        r"\] \.(?:data\.rel\.ro|dynamic|got) +\S+ +(\w+) \w+ (\w+)", said)}
    assert len(sizes) == 3, said
    return min(sizes), max(at + size for at, size in sizes.items()) - 1


@short
def test_memory_is_protected(board):
    """RELRO is read-only and nothing is both written and executed, whatever
    the size of a page."""
    b = board.start()
    maps = board.guest.out(f"cat /proc/{b.pid()}/maps")
    found = [(*(int(x, 16) for x in m.group(1, 2)), m.group(3), m.group(4))
             for m in re.finditer(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", maps)]
    assert len(found) > 5
    # ARM before ARMv6 knows no page that cannot be run: Linux says so
    can_forbid = BOARD.partition("-")[0] != "armv5"
    if can_forbid:
        assert not [m for m in found if "w" in m[2] and "x" in m[2]], maps
    mine = [(*m[:2], m[2] if can_forbid else m[2].replace("x", "-"), m[3])
            for m in found if m[3].endswith("/bellwire")]
    assert {m[2] for m in mine} >= {"r--p", "rw-p"}, maps
    assert can_forbid == ("r-xp" in {m[2] for m in mine}), maps
    first, last = (mine[0][0] + x for x in written_at_start_only())
    sealed = [m for m in mine if m[0] <= last and m[1] > first]
    assert sealed and {m[2] for m in sealed} == {"r--p"}, maps
    assert min(m[0] for m in sealed) <= first
    assert max(m[1] for m in sealed) > last
    NOTES["w_xor_x"] = can_forbid
    NOTES["relro"] = sum(m[1] - m[0] for m in sealed)
    NOTES["maps"] = maps
    assert b.stop() == 0


@short
def test_sandbox_is_what_the_kernel_has(board):
    b = board.start()
    status = board.guest.out(f"cat /proc/{b.pid()}/status")
    field = dict(re.findall(r"^(\w+):\s+(.*)", status, re.M))
    told = re.search(r"landlock_abi=(\d+) seccomp=(\d)", b.log())
    assert (int(told.group(1)) > 0) == board.guest.has_landlock
    assert (told.group(2) == "1") == board.guest.has_seccomp
    assert field.get("Seccomp", "0") == ("2" if board.guest.has_seccomp
                                         else "0")
    assert field.get("NoNewPrivs", "1") == "1"
    assert ("kernel has not all" in b.log()) != (
        board.guest.has_landlock and board.guest.has_seccomp)
    # VmRSS is not exact before Linux 6.2: of a process with few page faults it
    # says next to nothing
    maps = board.guest.sh(f"cat /proc/{b.pid()}/smaps")[1]
    resident = sum(map(int, re.findall(r"^Rss:\s+(\d+)", maps, re.M)))
    NOTES["rss_idle_kb"] = resident or int(field["VmRSS"].split()[0])
    NOTES["landlock_abi"] = int(told.group(1))
    assert b.stop() == 0


def test_require_refuses(guest):
    """Where the kernel lacks a part: nothing is served."""
    if guest.has_seccomp and guest.has_landlock:
        pytest.skip("the kernel has all of the sandbox")
    b = Bellwire(guest, "--listen", ":5000", "--sandbox=require", wait=None)
    assert b.wait_exit() == 1
    lacks = "Landlock" if guest.has_seccomp else "seccomp"
    assert f"the kernel has no {lacks}; expected auto or off" in b.log()


@short
def test_pages(board):
    b = board.start()
    assert board.accepts(payload(alert("One"))) == "accepted 1 alert\n"
    assert b.lines() == ["2026-11-24T02:00:00Z FIRING critical One about One"]
    text = board.ask(get("/metrics")).text()
    metric = dict(line.rsplit(" ", 1) for line in text.splitlines()
                  if line[0] != "#")
    assert metric['bellwire_alerts_total{status="firing"}'] == "1"
    for name in ("resident_memory_bytes", "start_time_seconds", "open_fds",
                 "virtual_memory_bytes"):
        assert float(metric[f"process_{name}"]) > 0, name
    rss = float(metric["process_resident_memory_bytes"]) / 1024
    seen = float(board.guest.out(f"grep VmRSS /proc/{b.pid()}/status").split()[1])
    assert abs(rss - seen) < 256, (rss, seen)
    now = float(board.guest.out("aid clock"))
    last = float(metric["bellwire_last_notification_timestamp_seconds"])
    began = float(metric["process_start_time_seconds"])
    assert abs(now - last) < 60 * PATIENCE, (now, last)
    assert -2 <= now - began < 120 * PATIENCE, (now, began)
    assert len(json.loads(board.ask(get("/alerts")).text())) == 1
    assert "FIRING critical One" in board.ask(
        get("/alerts", "Accept: text/plain")).text()
    assert board.ready() == 200
    for request, status in ((post(b"{"), 400), (get("/nothing"), 404),
                            (post(b'{"alerts":[{"labels":{"a":1}}]}'), 422)):
        assert board.ask(request).status == status
    there = ["127.0.0.1"] + ["[::1]"] * board.guest.has_ipv6
    for host in there:
        assert board.guest.sh(
            f"bellwire probe http://{host}:5000/-/ready") == (0, "")
    assert board.guest.sh("bellwire probe http://127.0.0.1:5999/")[0] == 1
    assert b.stop() == 0


@short
def test_many(board):
    """2,000 alerts in one request; more connections than there are slots."""
    b = board.start()
    assert board.accepts(group(2000, pad=200)) == "accepted 2000 alerts\n"
    assert names_in(b.lines()) == numbered(0, 2000)
    address = f"127.0.0.1:{board.guest.ports[0]}"
    with contextlib.ExitStack() as stack:
        for _ in range(70):
            stack.enter_context(Client(address))
        assert board.ask(get("/-/healthy")).status == 200
    peak = board.guest.out(f"grep VmHWM /proc/{b.pid()}/status").split()[1]
    NOTES["rss_peak_kb"] = int(peak)
    assert b.stop() == 0


def test_stopped_and_continued(board):
    b = board.start()
    b.signal("STOP")
    time.sleep(0.5)
    b.signal("CONT")
    board.accepts(payload(alert()))
    assert b.stop() == 0


# --- sinks --------------------------------------------------------------------

@short
def test_fifo(board):
    """No reader: not ready, 503. One that leaves within a line: the next one
    has it whole."""
    b = board.start("--emit", "fifo:/tmp/w/bell", "--ack-timeout", "2s")
    assert board.ready() == 503
    assert board.post(alert("Early")).status == 503
    board.read_fifo("r1")
    wait_for("the early one", lambda: "Early" in board.got("r1"))
    wait_for("ready", lambda: board.ready() == 200)
    board.accepts(payload(alert("First")))
    wait_for("the first one", lambda: "First" in board.got("r1"))
    board.guest.sh("kill $(cat /tmp/w/r1.pid)")
    wait_for("not ready", lambda: board.ready() == 503)
    board.guest.sh("(dd if=/tmp/w/bell bs=30 count=1 >/tmp/w/r2 "
                   "2>/dev/null; : >/tmp/w/gone) &")
    board.post(alert("Torn"), alert("Next"))
    wait_for("its end", lambda: board.guest.sh("[ -e /tmp/w/gone ]")[0] == 0)
    assert len(board.got("r2")) == 30
    board.read_fifo("r3")
    wait_for("the next one", lambda: "Next" in board.got("r3"))
    assert board.got("r3").splitlines()[0] == \
        "2026-11-24T02:00:00Z FIRING critical Torn about Torn"
    assert b.stop() == 0


def carries(board, *words, lines=60, **keys):
    """One line, then many, over the UART; it is set up with these words."""
    b = board.start("--emit", board.serial(**keys), "--ack-timeout", "8s")
    assert board.post(alert("Line")).status == 200
    assert board.serial_lines(1) == \
        "2026-11-24T02:00:00Z FIRING critical Line about Line\r\n"
    set_up = board.stty()
    assert [w for w in words if w not in set_up] == [], set_up
    board.ask(post(group(lines)))
    assert names_in(board.serial_lines(lines).splitlines()) == \
        numbered(0, lines)
    return b


def test_serial(board):
    b = carries(board, "speed 115200 baud", "-opost", "-icanon", "-echo", "cs8",
                "-crtscts", lines=300)
    b.signal("HUP")
    b.wait_log("reloaded")
    board.accepts(payload(alert("After")))
    assert "After" in board.serial_lines(1)
    assert b.stop() == 0


def test_serial_9600(board):
    b = carries(board, "speed 9600 baud", "parenb", "-parodd", "cs7",
                "-cstopb", baud=9600, frame="7e1")
    assert b.stop() == 0


def test_serial_7200(board):
    """A rate that termios has no name for."""
    b = carries(board, baud=7200, lines=20)
    sink = board.guest.machine.sink
    assert board.guest.out(f"aid rate /dev/{sink}") == "7200\n"
    assert b.stop() == 0


def test_serial_rtscts(board):
    assert carries(board, "crtscts", baud=9600, flow="rtscts").stop() == 0


def test_serial_xonxoff(board):
    assert carries(board, "ixon", baud=9600, flow="xonxoff").stop() == 0


def test_sign(board):
    """A template, a width and a bell, as a small display wants it."""
    b = board.start("--template", "s={STATUS:9}{labels.alertname}", "--emit",
                    board.serial(baud=9600, format="s", ascii="yes", width=12,
                                 bell="severity=critical"))
    board.accepts(payload(alert("Line")))
    assert board.serial_lines(1) == "\aFIRING   Li>\r\n"
    assert b.stop() == 0


def test_stalled_line(board):
    """Held by XOFF: others go on, SIGHUP and SIGTERM do not hang."""
    b = board.start("--emit", board.serial(baud=9600, flow="xonxoff"), "--emit",
                    "stdout", "--ack-timeout", "3s")
    board.hold(True)
    # more than the driver takes, which is a page
    assert board.ask(post(group(200, pad=700))).status == 503
    wait_for("the other sink", lambda: len(b.lines()) == 200)
    began = time.monotonic()
    b.signal("HUP")
    b.wait_log("reloaded", 60)
    assert board.ask(get("/-/healthy")).status == 200
    assert time.monotonic() - began < 10 * PATIENCE
    board.hold(True)
    board.post(alert("Held"))
    began = time.monotonic()
    b.signal("TERM")
    assert b.wait_exit(60) == 0
    assert time.monotonic() - began < 12 * PATIENCE
    board.hold(False)


def test_spool_outlives_a_stalled_line(board):
    """XOFF, 100 alerts into the spool, kill -9, XON: all come out."""
    options = ("--spool", "/tmp/w/spool", "--emit",
               board.serial(flow="xonxoff"))
    b = board.start(*options)
    board.hold(True)
    board.accepts(group(100))
    b.kill()
    board.hold(False)
    b = board.start(*options)
    text = ""

    def all_came():
        nonlocal text
        text += board.serial_lines(1)
        return set(numbered(0, 100)) <= set(re.findall(r"critical (\w+) text\r", text))
    wait_for("all lines", all_came)
    assert b.stop() == 0


def test_unplugged(board):
    """A device that goes with acknowledged lines on their way: they come again
    with it."""
    driver = "/sys/bus/pci/drivers/serial"
    uart = board.guest.out(f"cd {driver} 2>/dev/null && ls -d 0000:*").strip()
    if not uart.startswith("0000:"):
        pytest.skip("no UART that can be unplugged")
    b = board.start("--spool", "/tmp/w/spool", "--emit",
                    board.serial(baud=9600, flow="xonxoff"))
    board.hold(True)
    board.accepts(group(20))
    wait_for("the driver has them", lambda: re.search(
        r"bellwire_sink_lines_total\{[^}]*\} 20\n",
        board.ask(get("/metrics")).text()))
    assert board.guest.sh(f"echo {uart} >{driver}/unbind")[0] == 0
    b.wait_log("sink is down")
    assert board.guest.sh(f"echo {uart} >{driver}/bind")[0] == 0
    board.hold(False)
    text = ""

    def all_came():
        nonlocal text
        text += board.serial_lines(1)
        return set(numbered(0, 20)) <= set(
            re.findall(r"critical (\w+) text\r", text))
    wait_for("all lines", all_came)
    assert b.stop() == 0


# --- the spool ----------------------------------------------------------------

def keeps_alerts(board, folder):
    """kill -9, recovery, another size, damage."""
    spool = f"{folder}/spool"
    board.guest.sh(f"rm -f {spool}*")
    options = ("--spool", spool, "--emit", "fifo:/tmp/w/bell")
    b = board.start(*options)
    assert board.accepts(group(20)) == "accepted 20 alerts\n"
    assert b.kill() == 137
    b = board.start(*options)
    assert "spool taken over" in b.log()
    board.accepts(payload(alert("Last")))
    board.read_fifo("r4")
    wait_for("all", lambda: "Last" in board.got("r4"))
    assert names_in(board.got("r4").splitlines()) == [*numbered(0, 20), "Last"]
    assert b.stop() == 0
    options = ("--spool", f"{spool},size=2M", *options[2:])
    b = board.start(*options)
    assert b.stop() == 0
    board.guest.sh(f"dd if=/dev/urandom of={spool} bs=64 count=1 "
                   "conv=notrunc 2>/dev/null")
    b = board.start(*options)
    assert "kept_as" in b.log()
    board.guest.sh("killall cat")
    board.read_fifo("r5")
    board.accepts(payload(alert("Anew")))
    wait_for("it", lambda: "Anew" in board.got("r5"))
    assert "NOTICE" in board.got("r5")
    assert b.stop() == 0


@short
def test_spool_on_tmpfs(board):
    keeps_alerts(board, "/tmp/w")


def test_spool_on_the_initramfs(board):
    board.guest.sh("mkdir -p /var/x")
    keeps_alerts(board, "/var/x")


LOOP = "gunzip -c /img/{0}.gz >/tmp/{0} && losetup /dev/loop0 /tmp/{0}"
ERASE = ("[ -e /dev/mtdblock0 ] && tr '\\0' '\\377' </dev/zero | "
         "dd of=/dev/mtdblock0 bs=64k count=256 iflag=fullblock 2>/dev/null")
MOUNTS = {
    "ext4": (LOOP.format("ext4"), "/dev/loop0"),
    "vfat": (LOOP.format("vfat"), "/dev/loop0"),
    "exfat": (LOOP.format("exfat"), "/dev/loop0"),
    "jffs2": (ERASE, "/dev/mtdblock0"),
    "ubifs": (f"{ERASE} && aid ubi", "ubi0:v"),
    "overlay": ("mkdir -p /tmp/o/l /tmp/o/u /tmp/o/w",
                "-o lowerdir=/tmp/o/l,upperdir=/tmp/o/u,workdir=/tmp/o/w o"),
}


@pytest.mark.parametrize("kind", MOUNTS)
def test_spool_on(kind, board):
    make, what = MOUNTS[kind]
    if board.guest.sh(f"grep -qw {kind} /proc/filesystems")[0]:
        pytest.skip(f"the kernel has no {kind}")
    status, said = board.guest.sh(f"mkdir -p /mnt/{kind} && cd /tmp && {make} "
                                  f"&& mount -t {kind} {what} /mnt/{kind}")
    if status and "mtd" in make and board.guest.sh("[ -e /dev/mtd0 ]")[0]:
        pytest.skip("the kernel has no MTD in memory")
    assert status == 0, said
    try:
        keeps_alerts(board, f"/mnt/{kind}")
    finally:
        for b in board.live:
            if b.status() is None:
                b.kill()
        board.guest.sh(f"umount /mnt/{kind}; losetup -d /dev/loop0 2>/dev/null; "
                       "aid unubi 2>/dev/null")


def test_no_room(board):
    board.guest.sh("mkdir -p /tmp/small && "
                   "mount -t tmpfs -o size=256k s /tmp/small")
    try:
        b = board.start("--spool", "/tmp/small/spool", wait=None)
        assert b.wait_exit() == 1
        assert "No space left on device" in b.log()
    finally:
        board.guest.sh("umount /tmp/small")


# --- secrets, users, time -----------------------------------------------------

def test_tokens_reloaded(board):
    board.guest.put("/tmp/w/token", "alpha\n")
    b = board.start("--auth-token-file", "/tmp/w/token")

    def answer(token):
        return board.ask(post(payload(alert()), *(
            [f"Authorization: Bearer {token}"] if token else []))).status
    assert (answer(""), answer("alpha")) == (401, 200)
    board.guest.put("/tmp/w/token", "beta\n")
    b.signal("HUP")
    b.wait_log("reloaded")
    assert (answer("alpha"), answer("beta")) == (401, 200)
    assert b.stop() == 0


def test_signatures_and_passwords(board):
    """SHA-256 in this byte order."""
    board.guest.put("/tmp/w/secret", "secret\n")
    board.guest.put("/tmp/w/users", "user:password\n")
    b = board.start("--auth-hmac-file", "/tmp/w/secret", "--auth-basic-file",
                    "/tmp/w/users")
    body = helpers.as_bytes(payload(alert()))
    right = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    basic = base64.b64encode(b"user:password").decode()
    for field, status in ((f"X-Grafana-Alerting-Signature: {right}", 200),
                          (f"X-Grafana-Alerting-Signature: {right[::-1]}", 401),
                          (f"Authorization: Basic {basic}", 200)):
        assert board.ask(post(body, field)).status == status
    assert b.stop() == 0


def test_unix_socket(board):
    """A stale one is taken over, one's own is taken away at the end."""
    options = ("--listen", "unix:/tmp/w/sock")
    for end in "kill", "stop":
        b = board.start(*options)
        assert board.guest.sh("bellwire probe unix:/tmp/w/sock") == (0, "")
        getattr(b, end)()
    assert board.guest.sh("[ -e /tmp/w/sock ]")[0] == 1


def test_user_and_root(board):
    board.guest.sh("mkdir -p /tmp/w/jail/tmp/w && "
                   "chown 65534:65534 /tmp/w/jail/tmp/w")
    board.guest.put("/tmp/w/token", "alpha\n", 0o644)
    board.guest.put("/tmp/w/jail/tmp/w/token", "beta\n", 0o644)
    b = board.start("--user", "65534:65534", "--chroot", "/tmp/w/jail",
                    "--auth-token-file", "/tmp/w/token")
    status = board.guest.out(f"cat /proc/{b.pid()}/status")
    for who in "Uid", "Gid":
        assert re.search(rf"{who}:\s+(.*)", status).group(1).split() == \
            ["65534"] * 4
    assert re.search(r"CapEff:\s+(\w+)", status).group(1) == "0" * 16
    for token in "alpha", "beta":
        assert board.ask(post(payload(alert()), "Authorization: Bearer " +
                              token)).status == 200
        b.signal("HUP")
        b.wait_log("reloaded")
    assert b.stop() == 0


def test_deadman(board):
    b = board.start("--deadman", "3s")
    wait_for("its alert", lambda: any("FIRING critical BellwireDeadMan" in x
                                      for x in b.lines()))
    assert b.lines()[0].startswith(board.guest.out("date -u +%Y").strip() + "-")
    board.accepts(payload(alert()))
    wait_for("its resolution", lambda: any("RESOLVED critical BellwireDeadMan"
                                           in x for x in b.lines()))
    assert b.stop() == 0


def test_tls(board, pki):  # noqa: F811
    for kind in (*EC_KINDS, "rsa2048"):
        b = board.start_tls(kind)
        assert board.accepts(group(40, pad=300), tls=context(pki)) == \
            "accepted 40 alerts\n"
        assert names_in(b.lines()) == numbered(0, 40)
        chacha = context(pki, ciphers="ECDHE+CHACHA20", versions=(
            ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
        assert board.ask(get("/-/healthy"), tls=chacha).status == 200
        assert b.stop() == 0


@contextlib.contextmanager
def clock(board, seconds):
    """What a busybox of 32 bits is to look at then must not be of that age."""
    late = board.guest.sh(
        "mount -o remount,noatime / && gunzip -c /img/ext4.gz >/run/late && "
        "losetup /dev/loop0 /run/late && "
        "mount -t ext4 -o noatime /dev/loop0 /tmp && mkdir /tmp/w")
    assert late[0] == 0, late[1]
    try:
        status, said = board.guest.sh(f"aid clock {seconds}")
        assert status == 0 and abs(int(said) - seconds) < 600, said
        yield
    finally:
        board.guest.sh(f"aid clock {int(time.time())}")
        for b in board.live:
            if b.status() is None:
                b.kill()
        board.live = []
        # whoever waits for the program may not have ended yet
        assert board.guest.sh("umount -l /tmp; losetup -d /dev/loop0")[0] == 0


@short
def test_clients_without_a_clock(board, pki):  # noqa: F811
    """At 1970, as boards start: a certificate that was issued after this
    program was built is good, none is none."""
    with clock(board, 1000):
        b = board.start_tls("p256", "--tls-client-ca", "/pki/ca.pem")
        assert "clock is behind" in b.log()
        known = context(pki, pki.client())
        board.accepts(payload(alert("T")), tls=known)
        with pytest.raises(OSError):
            board.ask(get("/metrics"), tls=context(pki))
        b.signal("HUP")
        b.wait_log("reloaded")
        board.accepts(payload(alert("T")), tls=known)
        assert b.stop() == 0


def test_after_2038(board, pki):  # noqa: F811
    """Date, metrics, the dead man's switch, the spool. Its certificates are
    out of date there, and nobody comes in."""
    then = 2209032000
    with clock(board, then):
        options = ("--deadman", "3s", "--spool", "/tmp/w/spool")
        b = board.start(*options)
        assert " 2040 " in board.post(alert("Late")).get("Date")
        text = board.ask(get("/metrics")).text()
        for name in ("bellwire_last_notification_timestamp_seconds",
                     "process_start_time_seconds"):
            value = float(re.search(rf"^{name} (\S+)", text, re.M).group(1))
            assert abs(value - then) < 1200, (name, value)
        wait_for("its alert", lambda: any("BellwireDeadMan" in x
                                          for x in b.lines()))
        assert [x for x in b.lines() if "DeadMan" in x][0].startswith("2040-")
        b.kill()
        b = board.start(*options)
        assert b.stop() == 0
        if board.guest.tls:
            b = board.start_tls("p256", "--tls-client-ca", "/pki/ca.pem")
            c = context(pki, pki.client())
            with pytest.raises(OSError):
                board.ask(get("/-/healthy"), tls=c)
            b.wait_log("expired")
            assert b.stop() == 0


# --- the kernel's word ----------------------------------------------------------

COMPLAINT = re.compile(
    r"type=1326|type=1701|segfault|[Uu]nhandled|[Uu]nalign|Oops|BUG:|sig=31|"
    r"do_page_fault|Alignment trap|undefined instruction|killed process",
    re.I)


@short
def test_zz_kernel_log(guest):
    """No call was killed, no fault, no trap for want of alignment; last of
    all."""
    log = [x for x in guest.out("dmesg").splitlines() if COMPLAINT.search(x)
           and not re.search(r"PREEMPT|command line|percpu|pcpu|lpj|are fast", x)]
    assert log == []
    traps = re.search(r"User:\s+(\d+)", guest.out(
        "cat /proc/cpu/alignment 2>/dev/null"))
    assert traps is None or traps.group(1) == "0"

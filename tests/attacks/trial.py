"""One attack beside good clients: what it costs them, and how much of a log it
makes."""
import dataclasses
import json
import os
import pathlib
import select
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import payload
from catalog import TOKEN

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = {CORES[0]}, {CORES[-1]}
KEPT_MS, NEW_MS = 20, 100
P99_MOST, WORST_MOST, LOG_MOST = 3, 10, 0.01
LOG_AT_ONCE = 4096  # bytes of it that need no attack of any size
STARVED_S = 5  # a round that took so much longer says it all
SOON_S = 20


def pinned(core, nice, first=False):
    """Before all else on the machine, if that is allowed; the good clients
    before the attack, as they would have a core, and a machine, of their own.
    What counts between sessions is the niceness of each, see sched(7)."""
    def pin():
        os.sched_setaffinity(0, core)
        os.setsid()
        try:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            pathlib.Path("/proc/self/autogroup").write_text(f"{nice}\n")
            if first:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except (PermissionError, FileNotFoundError):
            pass
    return pin


class Server:
    def __init__(self, program, options, log, pin):
        self.log = log
        with log.open("wb") as err:
            self.process = subprocess.Popen(
                [program, "--listen", "127.0.0.1:0", *map(str, options)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                preexec_fn=pin)
        end = time.monotonic() + SOON_S
        self.ports = []
        while len(self.ports) < 1 + ("--health" in options):
            assert self.process.poll() is None and time.monotonic() < end, \
                log.read_text()
            time.sleep(0.01)
            self.ports = [int(line.split("address=")[1].split()[0]
                              .rpartition(":")[2])
                          for line in log.read_text().splitlines()
                          if "msg=listening" in line]

    def cpu_s(self):
        # what clock_getcpuclockid(3) makes of a PID
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def rest(self):
        """Until it has nothing more to do: what it has still to read may keep
        it busy for a while."""
        end = time.monotonic() + SOON_S
        while time.monotonic() < end:
            before = self.cpu_s()
            time.sleep(0.05)
            if self.cpu_s() - before < 0.005:
                return

    def logged(self):
        """What it says of its end is nobody's doing."""
        return sum(len(line) for line in self.log.open("rb")
                   if b"msg=stopp" not in line)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(SOON_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Helper:
    """A program of tests/attacks, driven by its input and output."""

    def __init__(self, command, pin):
        self.process = subprocess.Popen(
            [str(x) for x in command], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=pin)

    def begin(self, ms):
        self.process.stdin.write(f"{ms}\n")
        self.process.stdin.flush()

    def end(self):
        return json.loads(self.process.stdout.readline())

    def stop(self):
        out, _ = self.process.communicate(timeout=SOON_S)
        return out


def with_the_missed(times, interval_us):
    """A late answer has kept others from being asked for: what these would have
    waited is added, or a server that stands still would be asked once."""
    found = []
    for t in times:
        found.append(t)
        while t > interval_us:
            t -= interval_us
            found.append(t)
    return found


def percentile(times, part):
    times = sorted(times)
    return times[int(part * (len(times) - 1))] if times else float("nan")


def middle(rounds, part):
    """The median of what each round had: the machine has worse times of its
    own."""
    return statistics.median(percentile(r, part) for r in rounds)


@dataclasses.dataclass
class Row:
    attack: object
    peers: int
    quiet: list = dataclasses.field(default_factory=list)
    rounds: list = dataclasses.field(default_factory=list)
    newcomers: list = dataclasses.field(default_factory=list)
    failures: int = 0
    refused: int = 0
    lost: int = 0     # newcomers' failures
    sent: int = 0
    opened: int = 0
    logged: int = 0
    cpu_s: float = 0
    seconds: float = 0

    def of(self, part):
        return middle(self.rounds, part)

    def log_ratio(self):
        return self.logged / max(1, self.sent)

    def fills_log(self):
        return self.logged > LOG_AT_ONCE + LOG_MOST * self.sent

    def misses(self, quiet_p99):
        found = []
        if not self.of(0.99) <= P99_MOST * quiet_p99:
            found.append("p99")
        if not self.of(1) <= WORST_MOST * quiet_p99:
            found.append("worst")
        if self.fills_log():
            found.append("log")
        if self.failures or self.lost:
            found.append("failed")
        if self.refused:
            found.append("503")
        return found


class Trial:
    """Makes rows. `helpers`: where good and flood are; `pins`: processes have
    cores and ranks, see pinned()."""

    def __init__(self, program, helpers, work, pki, pins=True):
        self.program, self.helpers, self.work = program, helpers, work
        self.pki, self.pins = pki, pins
        self.request = work / "request"
        (work / "tokens").write_text(TOKEN.rpartition(" ")[2] + "\n")
        self.ringer = pki.client()

    def pin(self, *how, **more):
        return pinned(*how, **more) if self.pins else None

    def options(self, attack):
        given = []
        if attack.tls:
            given += self.pki.server().options
        if "ca" in attack.options:
            given += ["--tls-client-ca", self.pki.ca.cert]
        if "token" in attack.options:
            given += ["--auth-token-file", self.work / "tokens"]
        if attack.health:
            given += ["--health", "127.0.0.1:0"]
        return given

    def write_request(self):
        """It knows the token, in case it is asked for."""
        line, rest = payload.request(10).split(b"\r\n", 1)
        self.request.write_bytes(
            line + b"\r\n" + TOKEN.encode() + b"\r\n" + rest)

    def good(self, attack, port, *options):
        if attack.tls:
            options += ("-t",)
        if "ca" in attack.options:
            options += ("-k", self.ringer.cert, "-K", self.ringer.key)
        return Helper([self.helpers / "good", *options, port, self.request],
                      self.pin(LOAD_CORE, -20, first=True))

    def flood(self, attack, peers, port):
        (self.work / "first").write_bytes(attack.first)
        (self.work / "loop").write_bytes(attack.loop)
        flood = Helper([self.helpers / "flood", "-c", peers, *attack.how, port,
                        self.work / "first", self.work / "loop"],
                       self.pin(LOAD_CORE, -10))
        select.select([flood.process.stdout], [], [], 2)
        return flood

    def fill(self, attack, port):
        """/alerts has all that it can hold."""
        for i in range(10):
            self.request.write_bytes(payload.request(200).replace(
                b"@@@@", b"%04d" % i))
            client = self.good(attack, port)
            client.begin(1)
            client.end()
            client.stop()

    def run(self, attack, peers, rounds, seconds):
        row = Row(attack, peers)
        server = Server(self.program, self.options(attack), self.work / "log",
                        self.pin(SERVER_CORE, -20))
        if attack.seconds:
            rounds, seconds = 1, attack.seconds
        try:
            port = server.ports[0]
            if attack.firing:
                self.fill(attack, port)
            self.write_request()
            clients = (self.good(attack, port, "-i", KEPT_MS),
                       self.good(attack, port, "-1", "-i", NEW_MS))
            row.logged = -server.logged()
            for _ in range(rounds):
                self.round(row, server, clients, seconds)
                if row.seconds > STARVED_S + seconds * len(row.rounds):
                    break
            for c in clients:
                c.stop()
        finally:
            server.stop()
        row.logged += server.logged()
        return row

    @staticmethod
    def both(clients, ms):
        for c in clients:
            c.begin(ms)
        return [c.end() for c in clients]

    def round(self, row, server, clients, seconds):
        server.rest()
        self.both(clients, 1)  # who was thrown out comes back
        quiet, _ = self.both(clients, int(500 * seconds))
        row.quiet.append(with_the_missed(quiet["us"], 1000 * KEPT_MS))
        flood = self.flood(row.attack, row.peers,
                           server.ports[-1 if row.attack.health else 0])
        began, cpu_s = time.monotonic(), server.cpu_s()
        kept, new = self.both(clients, int(1000 * seconds))
        row.cpu_s += server.cpu_s() - cpu_s
        row.seconds += time.monotonic() - began
        did = json.loads(flood.stop().splitlines()[-1])
        row.sent += did["bytes"]
        row.opened += did["opened"]
        row.rounds.append(with_the_missed(kept["us"], 1000 * KEPT_MS))
        row.newcomers += new["us"]
        row.failures += kept["failures"]
        row.refused += kept["refused"] + new["refused"]
        row.lost += new["failures"]

"""What the tests of the delivery share: the other ends of FIFOs and serial
lines, and senders that send again as Alertmanager does."""
import errno
import os
import random
import re
import select
import signal
import subprocess
import tempfile
import termios
import threading
import time
import tty

from helpers import (BELLWIRE, DEADLINE, Client, Server, alert, as_lines, get,
                     names_in, payload, post, wait_for)


def numbered(first, end, name="Bell"):
    """The alertnames of helpers.group(end)[first:]."""
    return [f"{name}{i}" for i in range(first, end)]


def sink_up(server, sink):
    return server.metrics()[f'bellwire_sink_up{{sink="{sink}"}}']


def wait_lines(server, sink, n):
    """Until it has been given n lines."""
    wait_for(f"{n} lines", lambda: server.metrics()
             [f'bellwire_sink_lines_total{{sink="{sink}"}}'] >= n)


def wait_up(server, sink):
    wait_for(f"{sink} to be up", lambda: sink_up(server, sink) == 1)


def wait_down(server, sink):
    """Until the loop has seen that the other end is gone. What one connection
    asks is answered in one turn each, before the sinks are looked at."""
    wait_for(f"{sink} to be down", lambda: sink_up(server, sink) == 0)
    with server.connect() as c:
        for _ in range(3):
            c.send(get("/-/healthy"))
            assert c.answer().status == 200


def send_until_200(server, payload, seconds=DEADLINE, pause=0):
    """Sends it again until it is accepted, as Alertmanager does; how many
    times it was not."""
    request = post(payload)
    end = time.monotonic() + seconds
    refusals = 0
    while True:
        answer = server.ask(request)
        if answer.status == 200:
            return refusals
        assert answer.status == 503, answer
        assert int(answer.get("Retry-After")) > 0
        assert time.monotonic() < end, f"not accepted in {seconds} s"
        refusals += 1
        time.sleep(pause)


def refused(server, payload):
    answer = server.post(payload)
    assert answer.status == 503, answer
    assert int(answer.get("Retry-After")) > 0
    return answer


def kill_9(server):
    server.signal(signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class End:
    """The other end of something that lines come out of."""

    def __init__(self, fd):
        self.fd = fd
        self.got = b""
        os.set_blocking(fd, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def some(self, n=65536):
        """What there is now, up to n bytes; None at the end of it all."""
        try:
            piece = os.read(self.fd, n)
        except BlockingIOError:
            return b""
        except OSError as e:
            if e.errno == errno.EIO:  # a terminal without other end
                return None
            raise
        self.got += piece
        return piece or None

    def wait(self, seconds):
        select.select([self.fd], [], [], seconds)

    def take(self, n, seconds=DEADLINE):
        """Exactly n bytes."""
        end = time.monotonic() + seconds
        got = b""
        while len(got) < n:
            piece = self.some(n - len(got))
            if piece:
                got += piece
                continue
            assert time.monotonic() < end, f"{got!r} and no more in {seconds} s"
            if piece is None:
                time.sleep(0.005)
            else:
                self.wait(0.1)
        return got

    def take_lines(self, n, seconds=DEADLINE, eol=b"\n"):
        """n lines, and not a byte more; without their ends."""
        got = b""
        for _ in range(n):
            while not got.endswith(eol):
                got += self.take(1, seconds)
            got += b"\0"
        return got.decode("utf-8").replace("\0", "").split(eol.decode())[:-1]

    def until(self, what, condition, seconds=DEADLINE):
        """Reads on until condition(all of it so far)."""
        end = time.monotonic() + seconds
        while not condition(self.got):
            if self.some() is None:
                time.sleep(0.005)
            else:
                self.wait(0.05)
            assert time.monotonic() < end, \
                f"waited {seconds} s for {what}, got {self.got[-300:]!r}"
        return self.got

    def until_lines(self, n, seconds=DEADLINE, eol="\n"):
        """Reads on until there are n whole lines; all of them, if more."""
        self.until(f"{n} lines", lambda got: got.count(b"\n") >= n, seconds)
        whole = self.got[:self.got.rindex(b"\n") + 1]
        return as_lines(whole, eol)

    def silence(self, seconds=0.15):
        """Nothing more comes."""
        before = self.got
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.some() is None:
                time.sleep(0.01)
            else:
                self.wait(0.05)
        assert self.got == before, self.got[len(before):]


class FifoReader(End):
    def __init__(self, path):
        super().__init__(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


class Terminal(End):
    """A pseudo-terminal; this is the end of the master."""

    def __init__(self):
        master, self.slave = os.openpty()
        tty.setraw(self.slave)
        # under a name of its own, which goes away with it: the kernel gives the
        # number to the next one, whose reader must not get what a bellwire that
        # still tries has for this one
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/tty"
        os.symlink(os.ttyname(self.slave), self.path)
        super().__init__(master)

    def send(self, data):
        assert os.write(self.fd, data) == len(data)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def close(self):
        if os.path.lexists(self.path):
            os.unlink(self.path)
        super().close()
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1


class Background:
    """Reads an End in a thread, as fast as it is let."""

    def __init__(self, end, piece=65536, pause=0):
        self.end, self.piece, self.pause = end, piece, pause
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped and self.end.fd >= 0:
            try:
                if not self.end.some(self.piece):
                    self.end.wait(0.02)
            except OSError:
                assert self.end.fd < 0  # the test has failed, and closed it
            time.sleep(self.pause)

    def stop(self):
        self.stopped = True
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()
        return self.end


def random_numbers(seed):
    """The same every time."""
    return random.Random(seed)


def notices(lines):
    return [line for line in lines if " NOTICE " in line]


def count_in(line):
    """The number that a NOTICE tells."""
    return int(re.search(r" NOTICE \D*(\d+) ", line).group(1))


# --- load, for tests/crash and tests/faults ---------------------------------

class Traced(Server):
    """A server under strace, which is not its parent: so it is this process
    that hears of its end."""

    def __init__(self, folder, tracer, *options):
        folder.mkdir(parents=True, exist_ok=True)
        self.out = folder / "out"
        self.err = folder / "err"
        self.trace = folder / "trace"
        self.options = options
        self.ended_by_test = False
        with self.out.open("ab") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                ["strace", "-D", "-f", "-qq", "-s", "64", "-o",
                 str(self.trace), *tracer,
                 BELLWIRE, *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def listens(self, seconds=DEADLINE):
        """False if it ended before it listened."""
        wait_for("listening", lambda: self.process.poll() is not None or
                 "msg=listening" in self.log(), seconds)
        return self.process.poll() is None


class Load:
    """Senders that post groups of alerts, each of its own name, and send each
    group again until it has its 200."""

    def __init__(self, address, senders, seed, pause=0.0, groups=None):
        self.address, self.pause, self.groups = address, pause, groups
        self.acked = []  # names
        self.sent = 0
        self.last_call = False  # what is under way is still brought in
        self.give_up = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._send, daemon=True,
                                         args=(i, random.Random(seed + i)))
                        for i in range(senders)]
        for t in self.threads:
            t.start()

    def _send(self, sender, numbers):
        made = 0
        client = None
        while not self.last_call and made != self.groups:
            large = numbers.random() < 0.05
            n = numbers.randrange(100, 200) if large else \
                numbers.randrange(1, 20)
            names = [f"S{sender}G{made}x{i}" for i in range(n)]
            made += 1
            request = post(payload(*(alert(x, annotations={
                "summary": "x" * numbers.randrange(400)}) for x in names)))
            with self.lock:
                self.sent += n
            while not self.give_up:
                try:
                    client = client or Client(self.address)
                    client.send(request)
                    answer = client.answer()
                    assert answer.status in (200, 503), answer
                    if answer.closes():
                        client.close()
                        client = None
                    if answer.status == 200:
                        break
                except (OSError, AssertionError) as e:
                    if isinstance(e, AssertionError) and \
                            "closed" not in str(e):
                        raise
                    if client:
                        client.close()
                    client = None
                time.sleep(0.005)
            else:
                return
            with self.lock:
                self.acked += names
            time.sleep(self.pause)
        if client:
            client.close()

    def finish(self, seconds=60):
        """All that was begun has its 200."""
        self.last_call = self.groups is None
        end = time.monotonic() + seconds
        for t in self.threads:
            t.join(max(0, end - time.monotonic()))
        done = not any(t.is_alive() for t in self.threads)
        self.give_up = True
        return done


class Collector:
    """Reads a FIFO all the time; knows the alerts of the lines that it has got
    whole. What a killed process has left unfinished it drops at the end of the
    file, as a reader that is started for each does."""

    def __init__(self, path):
        self.path = path
        self.counts = {}
        self.rest = b""
        self.stop = self.at_end = False
        self.wants_end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        reader = FifoReader(self.path)
        while not self.stop:
            piece = reader.some()
            if piece:
                count_lines(self.rest + piece, self.counts)
                self.rest = (self.rest + piece).rpartition(b"\n")[2]
                reader.got = b""
            elif piece is None and self.wants_end.is_set():
                self.rest = b""
                reader.close()
                reader = FifoReader(self.path)
                self.wants_end.clear()
            else:
                time.sleep(0.001)
        reader.close()

    def end_of_file(self):
        """The writer is gone; all that it has left is read."""
        self.wants_end.set()
        wait_for("the end of the FIFO", lambda: not self.wants_end.is_set())

    def close(self):
        self.stop = True
        self.thread.join(DEADLINE)


def count_lines(text, counts):
    for line in text.rpartition(b"\n")[0].decode().split("\n"):
        if line:
            name, = names_in([line])
            counts[name] = counts.get(name, 0) + 1


def lost_and_twice(acked, *counts):
    """Alerts that are missing somewhere; lines that came again."""
    lost = {n for n in acked for c in counts if n not in c}
    return len(lost), sum(v - 1 for c in counts for v in c.values())

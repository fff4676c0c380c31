"""What is around bellwire: a loop, senders, and the other ends of its sinks.
Everything is in one thread, and nothing here ever waits but the loop."""
import errno
import fcntl
import heapq
import json
import os
import select
import socket
import termios
import time
import tty

import text


class Loop:
    def __init__(self):
        self.poll = select.epoll()
        self.on = {}
        self.timers = []
        self.n = 0

    def now(self):
        return time.monotonic()

    def watch(self, fd, events, call):
        if fd in self.on:
            self.poll.modify(fd, events)
        else:
            self.poll.register(fd, events)
        self.on[fd] = call

    def forget(self, fd):
        if self.on.pop(fd, None):
            self.poll.unregister(fd)

    def after(self, seconds, call):
        self.n += 1
        heapq.heappush(self.timers, (self.now() + seconds, self.n, call))

    def turn(self, most=0.05):
        if self.timers:
            most = min(most, max(0, self.timers[0][0] - self.now()))
        for fd, events in self.poll.poll(most):
            if fd in self.on:
                self.on[fd](events)
        while self.timers and self.timers[0][0] <= self.now():
            heapq.heappop(self.timers)[2]()

    def run(self, seconds, until=None):
        """False if that came to nothing in time."""
        end = self.now() + seconds
        while until is None or not until():
            if self.now() >= end:
                return until is None
            self.turn(min(0.05, max(0, end - self.now())))
        return True


# --- sinks -------------------------------------------------------------------

class Sink:
    """A place and all that ever came out there. A session is what one reader,
    device or life of the file has got; it begins with the beginning of a line,
    and what stands behind its last line's end was cut."""

    kind = None

    def __init__(self, loop, name, folder):
        self.loop, self.name, self.folder = loop, name, folder
        self.seen = {}     # id -> [time of each copy]
        self.told = {}     # kind of notice -> alerts
        self.rest = b""
        self.fresh = True  # nothing of this session yet
        self.pieces = 0    # that may be there: ends of lines cut before
        self.allowed = 0   # of those, found
        self.torn = []     # lines that nobody sent
        self.format = "line"
        self.crlf = False
        self.pace = 0.0    # seconds between reads
        self.piece = 65536
        self.stalled = False

    def reachable(self):
        return True

    def take(self, data):
        self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            self.line(line)
            self.fresh = False

    def line(self, line):
        kind, what, count = text.read(self.format, line)
        if kind == "alert":
            self.seen.setdefault(what, []).append(self.loop.now())
        elif kind == "notice":
            self.told[what] = self.told.get(what, 0) + count
        elif (self.pieces > 0 or self.fresh and self.crlf) and \
                text.is_piece(self.format, line):
            self.pieces -= 1
            self.allowed += 1
        else:
            self.torn.append(line[:200].decode("utf-8", "replace"))

    def end_session(self):
        self.rest = b""
        self.fresh = True

    def heal(self):
        self.stalled = False
        self.pace = 0

    def before_kill(self):
        """Bellwire is stopped, and will never go on."""

    def after_life(self):
        """Its process is gone."""

    def close(self):
        pass


class Reader(Sink):
    """One that is read by descriptor."""

    fd = -1

    def start(self, fd):
        self.fd = fd
        os.set_blocking(fd, False)
        self.loop.watch(fd, select.EPOLLIN, self.ready)

    def stop(self):
        if self.fd >= 0:
            self.loop.forget(self.fd)
            os.close(self.fd)
            self.fd = -1

    def read(self, n):
        """Bytes, b"" for nothing now, None at the end."""
        try:
            return os.read(self.fd, n) or None
        except BlockingIOError:
            return b""
        except OSError as e:
            if e.errno == errno.EIO:
                return None
            raise

    def ready(self, _):
        if self.fd < 0:
            return
        if self.stalled:
            self.pause(0.02)
            return
        data = self.read(self.piece)
        if data:
            self.take(data)
        if self.pace or data is None:
            self.pause(self.pace or 0.005)

    def pause(self, seconds):
        fd = self.fd
        self.loop.forget(fd)

        def go_on():
            if self.fd == fd:
                self.loop.watch(fd, select.EPOLLIN, self.ready)
        self.loop.after(seconds, go_on)

    def drain(self):
        while self.fd >= 0:
            data = self.read(65536)
            if not data:
                break
            self.take(data)


class File(Sink):
    """Standard output into a regular file, `>>` for each life."""

    kind = "stdout"

    def __init__(self, loop, name, folder):
        super().__init__(loop, name, folder)
        self.path = folder / "out"
        self.at = 0

    def open_for_child(self):
        self.at = os.path.getsize(self.path) if self.path.exists() else 0
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def look(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            data = f.read()
        self.at += len(data)
        self.take(data)

    def after_life(self):
        self.look()
        self.end_session()

    def after_cut(self):
        """What is there now is all that there ever was."""
        self.seen.clear()
        self.end_session()
        self.at = 0
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        for line in data.split(b"\n")[:-1]:
            for form in text.FORMATS:  # of whichever life
                kind, what, _ = text.read(form, line)
                if kind == "alert":
                    self.seen.setdefault(what, []).append(self.loop.now())
                    break
        self.at = len(data)


class Pipe(Reader):
    """Standard output into a pipe, a new one for each life."""

    kind = "stdout"

    def open_for_child(self):
        self.stop()
        mine, theirs = os.pipe()
        self.start(mine)
        return theirs

    def after_life(self):
        self.drain()
        self.end_session()
        self.stop()


class Fifo(Reader):
    kind = "fifo"

    def __init__(self, loop, name, folder):
        super().__init__(loop, name, folder)
        self.path = folder / name
        self.dead = False      # for good
        self.wanted = False    # a reader comes when bellwire knows of the last
        self.swallowed = set() # ids that were in a pipe that is gone

    def reachable(self):
        return not self.dead

    def come(self):
        """A reader. Behind one that left within a line it comes when that was
        noticed: nobody could tell otherwise whose the rest is."""
        if self.fd < 0 and not self.dead and not self.wanted:
            if self.noticed:
                self.open()
            else:
                self.wanted = True

    noticed = True

    def open(self):
        self.wanted = False
        try:
            self.start(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))
        except FileNotFoundError:
            self.wanted = True

    def saw_down(self):
        self.noticed = True
        if self.wanted:
            self.open()

    def leave(self):
        if self.fd >= 0:
            self.stop()
            self.noticed = not self.rest
            self.end_session()

    def leave_within_line(self, n):
        """Reads n bytes more, and leaves wherever that is."""
        if self.fd >= 0:
            data = self.read(n)
            if data:
                self.take(data)
            self.leave()

    def remove(self):
        if self.path.exists():
            self.path.unlink()

    def make_again(self):
        self.remove()
        os.mkfifo(self.path, 0o640)

    def before_kill(self):
        if self.fd < 0 and self.path.exists():
            # what nobody has read goes with the process
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                return
            os.set_blocking(fd, False)
            data = b""
            try:
                while True:
                    piece = os.read(fd, 65536)
                    if not piece:
                        break
                    data += piece
            except BlockingIOError:
                pass
            os.close(fd)
            for line in data.split(b"\n"):
                kind, what, _ = text.read(self.format, line)
                if kind == "alert":
                    self.swallowed.add(what)

    def after_life(self):
        self.drain()
        self.end_session()
        self.noticed = True

    def unread(self):
        if self.fd < 0:
            return 0
        n = fcntl.ioctl(self.fd, termios.FIONREAD, bytes(4))
        return int.from_bytes(n, "little")

    def lose_pipe(self):
        """The power goes: what is in the pipe is nowhere."""
        while self.fd >= 0:
            data = self.read(65536)
            if not data:
                break
        self.end_session()

    def close(self):
        self.stop()


class Serial(Reader):
    """A pseudo-terminal behind a link, as an adapter behind /dev/serial."""

    kind = "serial"

    def __init__(self, loop, name, folder):
        super().__init__(loop, name, folder)
        self.path = folder / name
        self.slave = -1
        self.crlf = True
        self.unplugged = 0

    def reachable(self):
        return True

    def plug(self):
        if self.fd >= 0:
            return
        master, self.slave = os.openpty()
        tty.setraw(self.slave)
        if self.path.is_symlink():
            self.path.unlink()
        os.symlink(os.ttyname(self.slave), self.path)
        self.start(master)

    def unplug(self):
        """The device has got all that the driver says to have sent, which of a
        pseudo-terminal is all; so bellwire must be stopped."""
        if self.fd < 0:
            return
        self.drain()
        self.end_session()
        self.path.unlink()
        self.stop()
        os.close(self.slave)
        self.slave = -1
        self.unplugged += 1

    def after_life(self):
        self.drain()
        self.end_session()

    def close(self):
        if self.fd >= 0:
            self.stop()
            os.close(self.slave)


# --- senders -----------------------------------------------------------------

class Client:
    """A connection that requests are written to and answers come from, in
    order. `done(code)` is called for each, with None for one that broke."""

    def __init__(self, loop, address, report):
        self.loop, self.report = loop, report
        self.out, self.got, self.waiting = b"", b"", []
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setblocking(False)
        self.open = True
        try:
            self.socket.connect(address)
        except BlockingIOError:
            pass
        except OSError:
            self.socket.close()
            self.open = False
            return
        self.loop.watch(self.socket.fileno(), select.EPOLLIN, self.ready)

    def ask(self, request, done):
        if not self.open:
            self.loop.after(0, lambda: done(None, False))
            return
        self.out += request
        self.waiting.append((done, len(self.out)))
        self.loop.watch(self.socket.fileno(),
                        select.EPOLLIN | select.EPOLLOUT, self.ready)

    def ready(self, events):
        try:
            if self.out and events & select.EPOLLOUT:
                n = self.socket.send(self.out)
                self.out = self.out[n:]
                if not self.out:
                    self.loop.watch(self.socket.fileno(), select.EPOLLIN,
                                    self.ready)
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = self.socket.recv(65536)
                if not data:
                    self.broke()
                    return
                self.got += data
                self.answers()
        except BlockingIOError:
            pass
        except OSError:
            self.broke()

    def answers(self):
        while self.open and b"\r\n\r\n" in self.got:
            head, _, rest = self.got.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            code = int(lines[0].split()[1])
            fields = {k.lower(): v.strip() for k, _, v in
                      (x.partition(":") for x in lines[1:])}
            n = int(fields.get("content-length", 0))
            if len(rest) < n or not self.waiting:
                return
            self.got = rest[n:]
            done, _ = self.waiting.pop(0)
            closes = fields.get("connection") == "close"
            if closes:
                waiting, self.waiting = self.waiting, []
                self.shut()
                done(code, rest[:n])
                for other, _ in waiting:
                    other(None, False)
            else:
                done(code, rest[:n])

    def shut(self):
        if self.open:
            self.open = False
            self.loop.forget(self.socket.fileno())
            self.socket.close()

    def broke(self):
        """Whether a request had gone out whole, its sender cannot know."""
        if not self.open:
            return
        sent = not self.out
        waiting, self.waiting = self.waiting, []
        self.shut()
        for done, _ in waiting:
            done(None, sent)

    hang_up = broke


class Sender:
    """Posts groups of alerts, each again until it has its 200, as Alertmanager
    does; it drops what is refused with 4xx."""

    def __init__(self, world, name, numbers, groups, patience, pause=0.02,
                 tries=None, depth=1, hangs_up=None, think=0.0,
                 url="http://am:9093"):
        self.world, self.loop, self.name = world, world.loop, name
        self.numbers, self.groups = numbers, list(groups)
        self.patience, self.pause, self.tries = patience, pause, tries
        self.depth, self.hangs_up, self.url = depth, hangs_up, url
        self.think = think  # seconds between groups
        self.left = {}  # number of a group -> ids, under way
        self.client = None
        self.at = 0
        self.given_up = self.ended = False
        self.loop.after(numbers.random() * 0.05, self.fill)

    def idle(self):
        return self.ended or (self.at == len(self.groups) and not self.left)

    def fill(self):
        while not self.ended and len(self.left) < self.depth and \
                self.at < len(self.groups):
            number = self.at
            self.at += 1
            self.left[number] = self.groups[number]
            self.post(number, 1)

    def post(self, number, n):
        if self.ended:
            return
        ids = self.groups[number]
        if self.client is None or not self.client.open:
            self.client = Client(self.loop, self.world.address(), None)
        client = self.client
        attempt = self.world.begin(ids, self)

        def done(code, more):
            self.world.finish(attempt, code, more)
            if code == 200 or code is not None and 400 <= code < 500:
                self.left.pop(number, None)
                self.fill_later()
            elif self.tries and n >= self.tries:
                self.left.pop(number, None)
                self.fill_later()
            else:
                self.loop.after(self.pause * (1 + self.numbers.random()),
                                lambda: self.post(number, n + 1))
        client.ask(text.request(ids, f"{self.name}.{number}", self.url), done)
        wait = self.patience
        if self.hangs_up and self.numbers.random() < 0.7:
            wait = self.numbers.random() * self.hangs_up
            self.loop.after(wait, lambda: self.leave(client, attempt))

    def leave(self, client, attempt):
        if attempt.code == "under way" and client.open:
            client.hang_up()

    def fill_later(self):
        self.loop.after(self.think * 2 * self.numbers.random(), self.fill)

    def end(self):
        self.ended = True
        if self.client and self.client.open:
            self.client.hang_up()


RUDE = [b"GARBAGE\r\n\r\n", b"POST /webhook HTTP/1.1\r\nHost: x\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
        b"\r\nContent-Length: 500\r\n\r\n{\"alerts\":[{\"status\":",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
        b"\r\nContent-Length: 2\r\n\r\n{}"]


class Rude:
    """Says something else, or half of something, and leaves."""

    def __init__(self, world, numbers, times):
        self.world, self.numbers, self.times = world, numbers, times
        self.go()

    def go(self):
        if not self.times:
            return
        self.times -= 1
        client = Client(self.world.loop, self.world.address(), None)
        client.ask(self.numbers.choice(RUDE), lambda *_: None)
        self.world.loop.after(self.numbers.random() * 0.3, client.hang_up)
        self.world.loop.after(self.numbers.random() * 0.3, self.go)

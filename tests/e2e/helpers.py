"""What the tests share: a running bellwire, raw HTTP to it, payloads."""
import fcntl
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
BELLWIRE = os.environ.get("BELLWIRE", str(HERE.parents[1] / "build/bellwire"))
DEADLINE = 20
KIB32 = 32768


def wait_for(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def run(*args, stdin=b"", env=None):
    """A command of bellwire that ends by itself."""
    return subprocess.run([BELLWIRE, *args], input=stdin, env=env,
                          capture_output=True, timeout=DEADLINE)


class Server:
    """A bellwire that serves. Its standard output goes to a file unless
    `stdout` says otherwise, so that what it wrote can be read at once."""

    def __init__(self, folder, *options, listen=("127.0.0.1:0",), stdout=None,
                 descriptors=None, env=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.out = folder / "out"
        self.err = folder / "err"
        self.options = options
        self.ended_by_test = False
        listens = [x for a in listen for x in ("--listen", a)]

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (descriptors, descriptors))

        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [BELLWIRE, *listens, *options], stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout, stderr=err,
                env=env, preexec_fn=limit if descriptors else None)
        try:
            self.addresses = wait_for("listening in the log",
                                      lambda: self._addresses(
                                          len(listen) +
                                          options.count("--health")))
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _addresses(self, n):
        assert self.process.poll() is None, self.log()
        found = [read_logfmt(line)["address"] for line in self.log_lines()
                 if "listening" in line]
        return found if len(found) == n else None

    @property
    def port(self):
        return int(self.addresses[0].rpartition(":")[2])

    def log(self):
        return self.err.read_text("utf-8", "replace")

    def log_lines(self):
        return self.log().split("\n")[:-1]

    def output(self):
        return self.out.read_bytes()

    def lines(self):
        """What it wrote so far; a write may be under way."""
        return as_lines(wait_for("the end of a line", lambda: (
            lambda got: (got,) if not got or got.endswith(b"\n") else None)(
                self.output()))[0])

    def connect(self, address=None, room=None):
        return Client(address or self.addresses[0], room)

    def ask(self, request):
        """The answer to one request on a connection of its own."""
        with self.connect() as c:
            c.send(request)
            return c.answer(request.startswith(b"HEAD "))

    def post(self, payload):
        return self.ask(post(payload))

    def accepts(self, payload):
        answer = self.post(payload)
        assert answer.status == 200, answer
        return answer

    def status_of(self, page):
        return self.ask(get(page)).status

    def metrics(self):
        """{'name{label="value"}': number}"""
        answer = self.ask(get("/metrics"))
        assert answer.status == 200
        return {k: float(v) for k, _, v in
                (line.rpartition(" ") for line in answer.text().split("\n")
                 if line and not line.startswith("#"))}

    def memory_peak(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", text).group(1))

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self):
        """The exit code; the test has seen to it that it ends."""
        self.ended_by_test = True
        return self.process.wait(DEADLINE)

    def stop(self):
        """Ends it; it must still run, and go in peace."""
        if self.ended_by_test:
            return
        code = self.process.poll()
        if code is None:
            self.signal(signal.SIGTERM)
            try:
                code = self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
            assert code == 0, self.log()
        else:
            raise AssertionError(f"ended with {code}\n{self.log()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def as_lines(output, eol="\n"):
    text = output.decode("utf-8")
    assert text == "" or text.endswith(eol), "the last line has no end"
    return text.split(eol)[:-1]


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:300]}"

    def get(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(values) < 2, self
        return values[0] if values else None

    def text(self):
        return self.body.decode("utf-8")

    def closes(self):
        return self.get("Connection") == "close"

    def tells_one_line(self):
        """Alertmanager prints the body in its log."""
        return (self.get("Content-Type").startswith("text/plain") and
                re.fullmatch(r"[\x20-\x7e\u00a0-\uffff]+\n", self.text())
                is not None)


DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} "
                  r"\d\d:\d\d:\d\d GMT")


class Client:
    """Raw bytes to and from the server; `room`: about how many of them the
    kernel keeps here until they are read."""

    def __init__(self, address, room=None):
        host, _, port = address.rpartition(":")
        if host == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            where = port
        else:
            family = socket.AF_INET6 if "[" in host else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            where = (host.strip("[]"), int(port))
            if room:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG,
                                       536)
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(where)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Breaks the connection, with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, *pieces, pause=0):
        for i, piece in enumerate(pieces):
            if i and pause:
                time.sleep(pause)
            self.socket.sendall(piece)

    def end(self):
        """No more from here; the answer can still come."""
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        got = self.socket.recv(65536)
        self.buffer += got
        return got

    def answer(self, head=False):
        """The next answer; every one is held to what all must have."""
        while b"\r\n\r\n" not in self.buffer:
            assert self._more(), f"closed after {self.buffer[:300]}"
        text, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *rest = text.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [ -~]*", first)
        assert match, first
        status = int(match.group(1))
        fields = []
        for line in rest:
            name, colon, value = line.partition(":")
            assert colon and re.fullmatch(r"[A-Za-z-]+", name), line
            fields.append((name, value.strip()))
        answer = Answer(status, fields, b"")
        if status == 100:
            return answer
        assert DATE.fullmatch(answer.get("Date") or ""), answer
        assert re.fullmatch(r"\d+", answer.get("Content-Length") or ""), answer
        n = 0 if head else int(answer.get("Content-Length"))
        while len(self.buffer) < n:
            assert self._more(), f"closed within {answer} {self.buffer[:300]}"
        answer.body, self.buffer = self.buffer[:n], self.buffer[n:]
        return answer

    def is_closed(self):
        """Waits for the end; nothing but that may come."""
        try:
            return self.buffer == b"" and self._more() == b""
        except ConnectionResetError:
            return True


class Reader:
    """Reads the other end of a pipe in a thread."""

    def __init__(self, fd, piece=65536, pause=0):
        self.fd, self.piece, self.pause = fd, piece, pause
        self.got = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            got = os.read(self.fd, self.piece)
            if not got:
                break
            self.got += got
            time.sleep(self.pause)

    def rest(self):
        """All there was, once the last writer is gone."""
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()
        return self.got


class Pipe:
    """A pipe for a standard output, as small as the system lets it be."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        self.room = fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, 4096)
        self.open = {self.read_end, self.write_end}

    def close(self, *ends):
        for fd in ends or (self.read_end, self.write_end):
            if fd in self.open:
                self.open.remove(fd)
                os.close(fd)


def told_of(entries):
    """How many refusals these lines of the log stand for: one with a count
    stands for just these."""
    return sum(int(e.get("more_like_it", 1)) for e in entries)


# --- requests ---------------------------------------------------------------

JSON = "Content-Type: application/json"


def head(line, *fields):
    return "".join(f"{x}\r\n" for x in (line, *fields, "")).encode("latin-1")


def get(target, *fields, method="GET"):
    return head(f"{method} {target} HTTP/1.1", "Host: bell", *fields)


def post(payload, *fields, method="POST", target="/webhook"):
    body = as_bytes(payload)
    return head(f"{method} {target} HTTP/1.1", "Host: bell", JSON,
                f"Content-Length: {len(body)}", *fields) + body


def post_chunked(payload, *fields, size=1000):
    return head("POST /webhook HTTP/1.1", "Host: bell", JSON,
                "Transfer-Encoding: chunked", *fields) + chunked(payload, size)


def chunked(payload, size=1000):
    body = as_bytes(payload)
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + \
        b"0\r\n\r\n"


# --- payloads ---------------------------------------------------------------

def as_bytes(payload):
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode("utf-8")
    return json.dumps(payload, separators=(",", ":"),
                      ensure_ascii=False).encode("utf-8", "surrogatepass")


def alert(name="Bell", status="firing", labels=None, **members):
    """An alert such as Alertmanager sends; members can be overridden."""
    ends = "2026-11-24T03:00:00.5Z" if status == "resolved" else \
        "0001-01-01T00:00:00Z"
    base = {"status": status,
            "labels": {"alertname": name, "severity": "critical",
                       **(labels or {})},
            "annotations": {"summary": f"about {name}"},
            "startsAt": "2026-11-24T02:00:00.25Z", "endsAt": ends,
            "generatorURL": "http://prom.example/graph",
            "fingerprint": f"{zlib.crc32(name.encode()):016x}"}
    return {**base, **members}


def payload(*alerts, status="firing", **members):
    base = {"receiver": "web\\.hook", "status": status,
            "alerts": list(alerts), "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://am.example",
            "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0}
    return {**base, **members}


def group(n, name="Bell", pad=0):
    """A payload of n alerts that are told apart by name: Bell0, Bell1, ..."""
    return payload(*(alert(f"{name}{i}",
                           annotations={"summary": "x" * pad or "text"})
                     for i in range(n)))


def names_in(lines):
    """The alertname of each line of format=line."""
    return [re.match(r"\S+ (?:FIRING|RESOLVED) \S+ (\w+)", line).group(1)
            for line in lines]


def padded(value, size):
    """As JSON of exactly `size` bytes, by a member that means nothing."""
    text = as_bytes(value)
    room = size - len(text) - len(b',"pad":""')
    assert room >= 0 and text.endswith(b"}")
    return text[:-1] + b',"pad":"' + b"p" * room + b'"}'


def sample(name):
    return (HERE / "payloads" / f"{name}.json").read_bytes()


SAMPLES = sorted(p.stem for p in (HERE / "payloads").glob("*.json"))


# --- what comes out ---------------------------------------------------------

# Control characters, line and paragraph separators, Bidi_Control.
UNSAFE = [*range(0x20), *range(0x7f, 0xa0), 0x61c, 0x200e, 0x200f,
          *range(0x2028, 0x202f), *range(0x2066, 0x206a)]


def is_safe(text):
    return not any(ord(c) in UNSAFE for c in text)


def unescape(text):
    """Undoes the visible escapes."""
    def one(match):
        c = match.group(1)
        if c[0] in "xu" and len(c) > 1:
            return chr(int(c[1:], 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(c, c)
    return re.sub(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|.)", one, text)


def read_logfmt(line):
    """{key: value} of a logfmt line; no key may stand twice."""
    pairs, at = {}, 0
    token = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))(?: |$)')
    while at < len(line):
        match = token.match(line, at)
        assert match, f"no logfmt: {line[at:]!r}"
        key, quoted, plain = match.groups()
        assert key not in pairs, f"{key} twice in {line!r}"
        pairs[key] = plain if quoted is None else unescape(quoted)
        at = match.end()
    return pairs

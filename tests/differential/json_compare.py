"""bellwire's verdict on payloads, and the values that come out of it in json,
against Python's json module with its leniencies mended, and a model of a
webhook payload in Python."""
import json
import re
import select
import socket
import subprocess
import tempfile
import time

WHOLE_BODY = 32768
MAX_DEPTH = 32
KNOWN = ("status", "labels", "annotations", "startsAt", "endsAt",
         "generatorURL", "fingerprint")
KEPT = ("receiver", "groupKey", "externalURL", "notification_reason")
OURS = KEPT + ("notice",)
ENVELOPE = KEPT + ("status", "version", "truncatedAlerts", "alerts")


class Members(list):
    """An object with its members in order, which may repeat."""


class Number(str):
    """A number as it was written."""


class Refused(Exception):
    """Not JSON."""


def no_constant(name):
    raise Refused(name)


def read(text):
    """Python's json, made strict: no NaN, no byte order mark, no UTF-8 that is
    none, numbers as they are written, members as they stand."""
    try:
        return json.loads(text.decode("utf-8"), parse_constant=no_constant,
                          parse_int=Number, parse_float=Number,
                          object_pairs_hook=Members)
    except (ValueError, RecursionError) as e:
        raise Refused(str(e)) from None


def depth_of(text):
    """Of brackets outside of strings."""
    outside = re.sub(rb'"(?:[^"\\]|\\.)*"?', b"", text, flags=re.S)
    depth = most = 0
    for c in outside:
        if c in b"[{":
            depth += 1
            most = max(most, depth)
        elif c in b"]}":
            depth -= 1
    return most


class NoPayload(Exception):
    """JSON, but no webhook payload."""


class TooLarge(Exception):
    """More than a limit allows."""


def once(members, names):
    found = {}
    for name, value in members:
        if name in names:
            if name in found:
                raise NoPayload(name)
            found[name] = value
    return found


def is_text(value):
    return value is None or type(value) is str


def status(value, default):
    if value is None:
        return default
    if value not in ("firing", "resolved"):
        raise NoPayload("status")
    return value


def check_pairs(value):
    if value is None:
        return
    if not isinstance(value, Members):
        raise NoPayload("pairs")
    for i, (name, text) in enumerate(value):
        if i == 128:
            raise TooLarge()
        if type(text) is not str or name in [n for n, _ in value[:i]]:
            raise NoPayload(name)


def plain(value):
    """For comparison: later members win, as most parsers have it."""
    if isinstance(value, Members):
        return {n: plain(v) for n, v in value}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return ("number", str(value)) if isinstance(value, Number) else value


LEFT_OUT = {"notice": "left_out"}


def expect_alert(alert, top):
    """The object that its line must be; NoPayload or TooLarge if it is left
    out."""
    if not isinstance(alert, Members):
        raise NoPayload("alert")
    a = once(alert, KNOWN)
    check_pairs(a.get("labels"))
    check_pairs(a.get("annotations"))
    for name in KNOWN[3:]:
        if not is_text(a.get(name)):
            raise NoPayload(name)
    line = {n: plain(v) for n, v in alert if n not in OURS}
    line["status"] = status(a.get("status"), top.get("status"))
    if line["status"] is None:
        raise NoPayload("status")
    line.setdefault("labels", {})
    line.setdefault("annotations", {})
    for name in KEPT:
        if name in top:
            line[name] = top[name]
    return line


def around(payload):
    """The members around the alerts; those of the wrong kind are missing."""
    top = once(payload, ENVELOPE)
    for name in KEPT:
        if name in top and not is_text(top[name]):
            del top[name]
    if top.get("status") not in ("firing", "resolved"):
        top["status"] = None
    n = top.get("truncatedAlerts")
    good = type(n) in (str, Number) and re.fullmatch("[0-9]{1,20}", n) and \
        int(n) < 2 ** 64
    top["truncatedAlerts"] = int(n) if good else 0
    return top


def expect(payload):
    """(lines that must come, why the first alert was left out or None)."""
    if not isinstance(payload, Members):
        raise NoPayload("object")
    top = around(payload)
    alerts = top.get("alerts")
    if not isinstance(alerts, list) or isinstance(alerts, Members):
        raise NoPayload("alerts")
    lines, good = [], 0
    for alert in alerts:
        try:
            lines.append(expect_alert(alert, top))
            good += 1
        except (NoPayload, TooLarge):
            lines.append(LEFT_OUT)
    if alerts and not good:
        return lines, True
    if top["truncatedAlerts"]:
        line = {"notice": "truncated",
                "count": ("number", str(top["truncatedAlerts"]))}
        if "receiver" in top:
            line["receiver"] = top["receiver"]
        lines.append(line)
    return lines, False


def model(text):
    """(codes that may be answered, lines)."""
    deep = depth_of(text) > MAX_DEPTH
    try:
        payload = read(text)
    except Refused:
        # or what stands before it is too much, or, in a body that is decoded
        # as it arrives, no payload
        large = len(text) > WHOLE_BODY
        return (400, 413, 422) if large else (400, 413), []
    if deep:
        return (413,), []
    try:
        lines, refused = expect(payload)
    except NoPayload:
        return (422,), []
    if not refused:
        return (200,), lines
    # what is decoded as it arrives is told of before that is known
    return (422, 413), lines if len(text) > WHOLE_BODY else []


class Bellwire:
    """One that serves, on one connection, its lines in a pipe."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory()
        path = f"{self.folder.name}/socket"
        self.process = subprocess.Popen(
            [binary, "--listen", f"unix:{path}", "--emit", "stdout,format=json",
             "--log-level", "error"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, bufsize=0)
        self.path = path
        try:
            self.connect()
        except BaseException:
            self.kill()  # it has our stderr: who reads that waits for its end
            raise

    def connect(self):
        """As soon as it listens: its path is there a little before."""
        deadline = time.monotonic() + 20
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            try:
                self.socket.connect(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                assert time.monotonic() < deadline, "does not listen"
                time.sleep(0.01)
        self.answers = self.socket.makefile("rb")

    def post(self, body):
        """The code, and the answer's line."""
        self.socket.sendall(
            b"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
            b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        code = int(self.answers.readline().split()[1])
        length, close = 0, False
        while (field := self.answers.readline()) != b"\r\n":
            name, _, value = field.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
            close = close or (name == b"connection" and b"close" in value)
        line = self.answers.read(length).decode()
        if close:
            self.socket.close()
            self.connect()
        return code, line

    def lines(self, n):
        """200 says that they are written; so many, or fewer if they are not."""
        lines = []
        while len(lines) < n and select.select([self.process.stdout], [], [],
                                               20)[0]:
            lines.append(self.process.stdout.readline())
        return lines

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def close(self):
        self.socket.close()
        self.process.terminate()
        rest = self.process.stdout.read()
        assert self.process.wait(30) == 0
        self.folder.cleanup()
        return rest


def judge(server, text):
    """What is wrong with the answer and the lines, or None."""
    codes, wanted = model(text)
    code, said = server.post(text)
    if code not in codes:
        return f"answered {code}, expected {codes}: {said}"
    lines = server.lines(len(wanted))
    try:
        got = [plain(read(line)) for line in lines]
    except Refused as e:
        return f"emitted {lines}, which is not JSON: {e}"
    # who is left out, and why, is for the unit tests
    got = [LEFT_OUT if isinstance(x, dict) and x.get("notice") == "left_out"
           else x for x in got]
    return None if got == wanted else f"emitted {got}, expected {wanted}"


def run(binary, texts, report):
    server = Bellwire(binary)
    try:
        for text in texts:
            wrong = judge(server, text)
            report("json", text, ("other", wrong) if wrong else None)
            if wrong:  # lines may be left over: begin anew
                server.kill()
                server = Bellwire(binary)
        rest = server.close()
    finally:
        server.kill()
    if rest:
        report("json", b"", ("other", f"lines that nobody expected: {rest}"))

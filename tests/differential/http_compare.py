"""How bellwire takes connections apart, against llhttp (in Node's server) and
h11. bellwire may refuse more than they do, never less: each request that it
takes must be one for the others too, the same one, ending at the same byte.
What differs is explained by a rule below, or it is a failure. README.md has the
reasons."""
import json
import os
import re
import struct
import subprocess

import h11

HERE = os.path.dirname(os.path.abspath(__file__))


def feed(command, cases):
    data = b"".join(struct.pack("<I", len(c)) + c for c in cases)
    out = subprocess.run(command, input=data, stdout=subprocess.PIPE,
                         check=True).stdout.decode().splitlines()
    assert len(out) == len(cases), (command, len(out), len(cases))
    return out


class Found:
    """What a parser made of a connection."""

    def __init__(self, requests, end):
        self.requests = requests  # (method, target, body, refusal or "ok")
        self.end = end            # "more", "close", or an error


def ours(line, case):
    words = line.split(" ")
    requests = []
    for i in range(0, len(words) - 1, 5):
        begin, head_end = int(words[i]), int(words[i + 1])
        first = case[begin:head_end].lstrip(b"\r\n").split(b"\r\n")[0]
        method, target, _ = first.split(b" ", 2)
        requests.append((method.decode("latin1"), target.decode("latin1"),
                         words[i + 4][1:], words[i + 3]))
    return Found(requests, words[-1])


def llhttp(line):
    seen = json.loads(line)
    requests = [(r["method"], r["target"], r["body"], "ok")
                for r in seen["requests"] if r["whole"]]
    return Found(requests, seen["error"] or "more")


def h11_reads(case):
    conn = h11.Connection(h11.SERVER)
    if not case:  # would be the end of the connection
        return Found([], "more")
    conn.receive_data(case)
    requests, current, body = [], None, b""
    try:
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                return Found(requests, "more")
            if event is h11.PAUSED:
                return Found(requests, "close")
            if isinstance(event, h11.Request):
                current, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                requests.append((current.method.decode("latin1"),
                                 current.target.decode("latin1"), body.hex(),
                                 "ok"))
                conn.send(h11.Response(status_code=404,
                                       headers=[("content-length", "0")]))
                conn.send(h11.EndOfMessage())
                if conn.our_state is h11.MUST_CLOSE:
                    return Found(requests, "close")
                conn.start_next_cycle()
    except h11.RemoteProtocolError as e:
        return Found(requests, str(e))


# Where bellwire takes what another one does not: the row in README.md, the
# other one, why that one stops, and what stands in the connection.
TAKEN = [
    ("CONNECT with a body", "llhttp", "CONNECT", rb"CONNECT "),
    ("blanks around a chunk's semicolon", "llhttp",
     "HPE_INVALID_CHUNK_SIZE|HPE_STRICT", rb"[0-9A-Fa-f][ \t]+;|;[ \t]|[ \t];"),
    ("blanks around a chunk's semicolon", "h11", "illegal chunk header",
     rb"[0-9A-Fa-f][ \t]+;|;[ \t]|[ \t];"),
    ("a tab behind a value", "llhttp", "HPE_INVALID_CONTENT_LENGTH",
     rb"(?i)content-length:[^\r]*\t[ \t]*\r\n"),
    ("a tab behind a value", "llhttp", "HPE_INVALID_TRANSFER_ENCODING",
     rb"(?i)transfer-encoding:[^\r]*\t[ \t]*\r\n"),
    ("lengths in trailers", "llhttp",
     "HPE_INVALID_CONTENT_LENGTH|HPE_INVALID_TRANSFER_ENCODING",
     rb"(?is)chunked.*\r\n0+(;[^\r]*)?\r\n.*"
     rb"(content-length|transfer-encoding):"),
    ("lengths in trailers", "h11",
     "bad Content-Length|Only Transfer-Encoding: chunked|conflicting",
     rb"(?is)chunked.*\r\n0+(;[^\r]*)?\r\n.*"
     rb"(content-length|transfer-encoding):"),
    ("Upgrade", "llhttp", "more", rb"(?i)upgrade:"),
    ("keep-alive in HTTP/1.0", "h11", "close", rb"HTTP/1\.0\r\n"),
    ("an empty line in front", "h11", "no request line", rb"\r\n(\S+) \S+ HTTP"),
]

# Where bellwire refuses what the other one takes: causes with a row there.
REFUSED = {
    "llhttp": {"BAD_BYTE", "BAD_CHUNK", "BAD_CODING", "BAD_FIELD", "BAD_HOST",
               "BAD_LINE", "CODING", "HTTP_VERSION", "URI_SIZE"},
    "h11": {"BAD_BYTE", "BAD_CHUNK", "BAD_CODING", "BAD_FIELD", "BAD_HOST",
            "BAD_LENGTH", "BAD_LINE", "HTTP_VERSION", "URI_SIZE"},
}


def explained(case, other, reference):
    for name, which, end, text in TAKEN:
        if which == reference and re.search(end, other.end) and \
                re.search(text, case):
            return name
    return None


def compare(case, mine, other, reference):
    """The kind of difference, and what it is; None where there is none."""
    for i, r in enumerate(mine.requests):
        got = other.requests[i] if i < len(other.requests) else None
        if got and r[:3] == got[:3]:
            continue
        if r[3] != "ok" and got is None:
            return "refused by both", r[3]
        name = explained(case, other, reference)
        if name:
            return "laxer, explained", name
        return "laxer", f"{r}, but {got}, {other.end}"
    if len(other.requests) <= len(mine.requests) or mine.end == "close":
        return None
    if mine.end in REFUSED[reference]:
        return "stricter, explained", mine.end
    # a CONNECT whose body has not come, which is a whole one for llhttp
    if mine.end == "more" and other.end == "CONNECT":
        return "stricter, explained", "CONNECT with a body"
    return "stricter", mine.end


def run(frame, cases, report):
    cases = list(cases)
    mine = [ours(l, c) for l, c in zip(feed([frame], cases), cases)]
    node = [llhttp(l) for l in feed(["node", f"{HERE}/llhttp.js"], cases)]
    for i, case in enumerate(cases):
        for reference, found in ("llhttp", node[i]), ("h11", h11_reads(case)):
            report(reference, case, compare(case, mine[i], found, reference))

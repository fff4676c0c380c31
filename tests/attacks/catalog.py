"""The attacks, each by what one connection of it sends."""
import dataclasses
import random
from wire import (DATA, HANDSHAKE, HELLO_REQUEST, WARNING, hello, record,
                  records, stuffed_hello)

MEGABYTE = 1 << 20
TOKEN = "Authorization: Bearer let-me-ring"


@dataclasses.dataclass
class Attack:
    name: str
    what: str
    first: bytes = b""     # sent once on each connection
    loop: bytes = b""      # then this, over and over
    how: tuple = ()        # options of tests/attacks/flood
    peers: tuple = (1,)    # a row for each number of connections
    tls: bool = False      # the server speaks it, and so does the good client
    sealed: bool = False   # sent after a handshake
    options: tuple = ()    # of the server
    firing: bool = False   # /alerts is full
    health: bool = False   # at the listener for health
    seconds: float = 0     # of a round, if it needs more than others

    def __post_init__(self):
        if self.sealed:
            self.tls = True
            self.how = ("-t", *self.how)


def many(piece, size=MEGABYTE // 4):
    return piece * max(1, size // len(piece))


def request(line, *fields, body=b""):
    return "\r\n".join([line + " HTTP/1.1", "Host: bell", *fields, "",
                        ""]).encode() + body


def get(path, method="GET"):
    return request(f"{method} {path}")


def post(body, *fields):
    return request("POST /webhook", "Content-Type: application/json",
                   f"Content-Length: {len(body)}", *fields, body=body)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunks(data, size):
    return b"".join(chunk(data[i:i + size]) for i in range(0, len(data), size))


CHUNKED = request("POST /webhook", "Content-Type: application/json",
                  "Transfer-Encoding: chunked")
BEGINS = chunk(b'{"receiver":"x","status":"firing","alerts":[{}')
GROUP = b'{"status":"firing","alerts":[{"labels":{"alertname":"Mine"}}]}'


def stream(name, what, alert, size=65536, **how):
    """A notification without end: as much of it as --max-body lets in."""
    return Attack(name, what, CHUNKED + BEGINS,
                  chunks(many(b"," + alert), size), **how)


def over_tls(attack, name, **changes):
    """The same, in records of a connection that has done its handshake."""
    return dataclasses.replace(
        attack, name=name, first=records(DATA, attack.first),
        loop=records(DATA, attack.loop), sealed=True, **changes)


def floods_after_the_handshake():
    again = records(HANDSHAKE, hello())
    for name, what, piece in (
            ("warnings", "warning alerts", WARNING),
            ("empty-data", "empty records of data", record(DATA, b"")),
            ("empty-handshake", "empty handshake records",
             record(HANDSHAKE, b"")),
            ("hello-requests", "a HelloRequest, which is an error", HELLO_REQUEST),
            ("renegotiate", "ClientHellos, each to be refused", again)):
        yield Attack(f"tls-{name}", f"after a handshake: {what}", b"",
                     many(piece, 65536), sealed=True,
                     peers=(1, 8, 63) if name in ("warnings", "renegotiate")
                     else (8,))
    yield Attack("tls-renegotiate-unread",
                 "the same, and the refusals are not read", b"",
                 many(again, 65536), how=("-q",), sealed=True, peers=(8,))


def floods_in_the_handshake():
    said = hello()
    for name, what, piece in (
            ("warnings", "warning alerts", WARNING),
            ("empty", "empty handshake records", record(HANDSHAKE, b""))):
        yield Attack(f"hello-{name}", f"before a ClientHello: {what}", b"",
                     many(piece), tls=True,
                     peers=(1, 8, 63) if name == "warnings" else (8,))
    yield Attack("hello-bytes", "a ClientHello of 64 KiB in records of one "
                 "byte, over and over", b"",
                 records(HANDSHAKE, stuffed_hello(), 1), how=("-1", "-w", "byte"),
                 tls=True, peers=(8,))
    yield Attack("hello-large", "a ClientHello of 64 KiB, over and over", b"",
                 records(HANDSHAKE, stuffed_hello()), how=("-1",), tls=True,
                 peers=(8,))
    yield Attack("hello-storm", "connect, ClientHello, close",
                 records(HANDSHAKE, said), how=("-a", "200"), tls=True,
                 peers=(8, 63))
    yield Attack("hello-answered", "connect, ClientHello, close when answered",
                 records(HANDSHAKE, said), how=("-w", "byte", "-a", "200"),
                 tls=True, peers=(8, 63))
    yield Attack("hello-slow", "a ClientHello, one byte a second", b"",
                 records(HANDSHAKE, said), how=("-p", "1", "-m", "1000"),
                 tls=True, peers=(62,), seconds=11)
    yield Attack("hello-held", "a ClientHello, and nothing more",
                 records(HANDSHAKE, said), how=("-w", "end"), tls=True,
                 peers=(62, 64), seconds=11)
    yield Attack("greetings", "whole handshakes, closed when done", b"", b"",
                 how=("-a", "200"), sealed=True, peers=(1, 8, 63))


def long_chains(chains):
    """Certificates of the client's own making; only with --tls-client-ca."""
    for kind, n in (("p521", 8), ("p521", 100), ("p256", 8),
                    ("rsa4096", 8), ("exponent", 8)):
        what = "RSA with a long exponent" if kind == "exponent" else \
            kind.upper().replace("P", "P-").replace("RSA", "RSA ")
        yield Attack(f"chain-{kind}-{n}", f"{n} certificates of {what}",
                     chains.flight(kind, n), how=("-1", "-w", "end"), tls=True,
                     options=("ca",),
                     peers=(1, 8, 63) if (kind, n) == ("p521", 8) else (8,))
    yield Attack("chain-16M", "16 MB of certificates of P-521",
                 chains.flight("p521", 25000), how=("-1", "-w", "end"),
                 tls=True, options=("ca",), peers=(8,))


def refused():
    for name, what, piece, options in (
            ("404", "of a path that is not there", get("/no"), ()),
            ("405", "of another method", get("/webhook"), ()),
            ("422", "without alerts", post(b"{}"), ()),
            ("401", "with a wrong token",
             post(GROUP, "Authorization: Bearer no"), ("token",))):
        yield Attack(f"refused-{name}", f"requests {what}: {name}", b"",
                     many(piece), options=options,
                     peers=(1, 63) if name == "404" else (8,))
    for name, what, piece in (
            ("400", "with two Hosts", request("GET /metrics", "Host: again")),
            ("413", "too large", request(
                "POST /webhook", "Content-Type: application/json",
                "Content-Length: 99999999999")),
            ("huge-chunk", "with a chunk too large", CHUNKED + b"FFFFFFF0\r\n")):
        yield Attack(f"refused-{name}", f"requests {what}, each on a "
                     "connection of its own", piece,
                     how=("-w", "byte", "-a", "200"), peers=(8,))
    dice = random.Random(18)
    yield Attack("refused-kinds", "404, each for another path", b"",
                 b"".join(get(f"/{dice.getrandbits(40):010x}")
                          for _ in range(8192)), peers=(1,))
    other = [get(f"/{dice.getrandbits(40):010x}") for _ in range(8192)]
    yield Attack("refused-kinds-slow", "the same, 20 a second", b"",
                 b"".join(other), peers=(1,), seconds=11,
                 how=("-p", str(len(other[0])), "-m", "50"))
    yield Attack("refused-peers", "404, from 200 addresses", get("/no"),
                 how=("-w", "byte", "-a", "200"), peers=(8,))


def pages():
    for name, what, piece, peers in (
            ("alerts-head", "HEAD /alerts", get("/alerts", "HEAD"), (1, 8, 63)),
            ("alerts-get", "GET /alerts", get("/alerts"), (8,)),
            ("metrics", "GET /metrics", get("/metrics"), (8, 63)),
            ("healthy", "GET /-/healthy", get("/-/healthy"), (63,))):
        attack = Attack(f"pipe-{name}", f"{what}, pipelined without end", b"",
                        piece * 1000, peers=peers, firing="alerts" in name)
        yield attack
        if name != "alerts-get":
            yield over_tls(attack, f"tls-pipe-{name}", peers=(8,))
    for name, piece in (("alerts", get("/alerts")), ("metrics", get("/metrics"))):
        attack = Attack(f"unread-{name}", f"GET /{name} without end, and no "
                        "answer is read", b"", piece * 1000, how=("-q",),
                        peers=(63,), firing=name == "alerts")
        yield attack
        if name == "alerts":
            yield over_tls(attack, "tls-unread-alerts", peers=(8,))
    yield Attack("health", "GET /-/healthy at --health, pipelined without end",
                 b"", get("/-/healthy") * 1000, tls=True, health=True,
                 options=("ca",), peers=(8, 63))


def storms():
    for tls in (False, True):
        t = "tls-" if tls else ""
        if not tls:
            yield Attack("connect-close", "connect, close",
                         how=("-a", "200"), peers=(63,))
        yield Attack(f"{t}connect-reset", "connect, reset", how=("-r",),
                     tls=tls, peers=(63,))
    yield Attack("request-reset", "a notification, reset", post(GROUP),
                 how=("-r",), peers=(8,))


def bodies():
    labels = b",".join(b'"l%d":"1"' % i for i in range(128))
    tiny = b",".join(b'"m%d":1' % i for i in range(3000))
    nested = b",".join(b'"m%d":%s%s' % (i, b"[" * 27, b"]" * 27)
                       for i in range(480))
    escapes = b"\\u0001" * 5000
    raw = b"\x7f" * 30000
    empty = stream("body-empty-alerts", "alerts of {} in the millions", b"{}",
                   peers=(1, 8, 63))
    yield empty
    yield over_tls(empty, "tls-body-empty-alerts", peers=(8,))
    yield stream("body-one-byte-chunks", "the same in chunks of one byte",
                 b"{}", 1, peers=(1, 8, 63))
    yield stream("body-nested", "alerts full of nested arrays",
                 b'{"labels":{},%s}' % nested, peers=(8,))
    yield stream("body-members", "alerts of 3,000 members each",
                 b'{"labels":{},%s}' % tiny, peers=(8,))
    yield stream("body-labels", "alerts of 128 labels each",
                 b'{"labels":{%s}}' % labels, peers=(8,))
    yield stream("body-escapes", "alerts full of escapes",
                 b'{"annotations":{"summary":"%s"}}' % escapes, peers=(8,))
    yield stream("body-controls", "alerts full of what is escaped",
                 b'{"annotations":{"summary":"%s"}}' % raw, peers=(8,))
    yield Attack("body-before-alerts", "a member of 64 MB before the alerts",
                 CHUNKED + chunk(b'{"x":[0'), chunks(many(b",[[]]"), 65536),
                 peers=(8,))
    yield Attack("posts", "small notifications, pipelined", b"",
                 many(post(GROUP)), peers=(1, 63))
    yield Attack("post-segments", "notifications in segments of one byte", b"",
                 many(post(GROUP)), how=("-p", "1"), peers=(1, 8))
    yield Attack("head-slow", "a request's head, one byte a second", b"",
                 get("/" + "a" * 4000), how=("-p", "1", "-m", "1000"),
                 peers=(62,), seconds=11)
    yield Attack("body-slow", "a notification, one byte a second",
                 post(GROUP)[:-len(GROUP)], GROUP, peers=(62,), seconds=3,
                 how=("-p", str(len(post(GROUP)) - len(GROUP)), "-m", "1000"))
    yield Attack("silent", "connections without a byte", how=("-w", "end"),
                 peers=(64,))
    yield Attack("tls-silent", "connections without a byte",
                 how=("-w", "end"), tls=True, peers=(64,))


def all_attacks(chains):
    return [*floods_after_the_handshake(), *floods_in_the_handshake(),
            *long_chains(chains), *pages(), *refused(), *storms(), *bodies()]

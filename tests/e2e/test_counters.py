"""Every counter of /metrics is seen to move, from outside. A new one that
nothing here moves fails: whoever adds a counter adds what makes it count."""
import re
import signal
from contextlib import ExitStack

import pytest

from delivery_helpers import FifoReader
from helpers import (JSON, Client, alert, get, group, head, payload, post,
                     wait_for)
from tls_helpers import (Pki, TlsClient, context, pki,  # noqa: F401
                         read_to_end, start_tls)

HOST = "Host: bell"
POST = "POST /webhook HTTP/1.1"
BIG = alert("Big", annotations={"summary": "x" * 33000})
MANY = alert("Many", labels={f"l{i}": "v" for i in range(130)})
WRONG = alert("Wrong") | {"labels": "none"}
DEEP = b'{"alerts":[{"status":"firing","x":' + b"[" * 40 + b"]" * 40 + b"}]}"


def counters_in(text):
    """{series: value} of all that are counters, without names of sinks."""
    counters = set(re.findall(r"^# TYPE (\S+) counter$", text, re.M))
    assert counters
    found = {}
    for line in text.split("\n"):
        series, _, value = line.rpartition(" ")
        if series.partition("{")[0] in counters:
            series = re.sub(r'sink="[^"]*"', "sink", series)
            found[series] = max(found.get(series, 0), float(value))
    return found


class Seen:
    """What there is, and what was seen to have moved."""

    def __init__(self):
        self.all, self.moved = set(), set()

    def look(self, client, *fields):
        with client as c:
            c.send(get("/metrics", *fields))
            now = counters_in(c.answer().text())
        self.all |= set(now)
        self.moved |= {k for k, v in now.items() if v > 0}


def refuse(server):
    """Each request that is refused at once, whatever the server's state."""
    requests = [
        b"BAD\r\n\r\n",
        head(POST, HOST, JSON, "Content-Length: 3",
             "Transfer-Encoding: chunked"),
        head(POST, HOST, JSON, "Transfer-Encoding: chunked") + b"zz\r\n",
        post(b"{"), get("/no"), get("/webhook"), head(POST, HOST, JSON),
        head(POST, HOST, JSON, "Content-Length: 99999999999"),
        post(payload(BIG)), post(payload(MANY)), post(b"[]"), post(DEEP),
        get("/" + "x" * 5000),
        head(POST, HOST, "Content-Type: text/plain",
             "Content-Length: 2") + b"{}",
        post(payload(alert()), "Content-Encoding: gzip"),
        post(payload(alert()), "Expect: the worst"),
        get("/", *(f"X-{i}: {'y' * 900}" for i in range(10))),
        head(POST, HOST, JSON, "Transfer-Encoding: gzip"),
        get("/", method="BREW"),
        get("/").replace(b"HTTP/1.1", b"HTTP/2.0"),
    ]
    for request in requests:
        assert server.ask(request).status >= 400
    with server.connect() as c:
        c.send(head(POST, HOST, JSON, "Content-Length: 10") + b"{")
        c.end()
        assert c.answer().status == 400


def take(server):
    """What is taken, and what of it is left out, known again or cut."""
    server.accepts(payload(alert("A"), alert("R", status="resolved")))
    server.accepts(payload(alert("A"), alert("R", status="resolved")))
    for bad in (BIG, MANY, WRONG):
        server.accepts(payload(alert("B"), bad))
    server.accepts(payload(alert("C", annotations={"a": "x" * 30000})))
    for i in range(80):
        server.accepts(group(50, name=f"G{i}x"))


def crowd(server):
    """More connections than there is room for."""
    with ExitStack() as stack:
        for _ in range(70):
            stack.enter_context(server.connect())
        assert server.metrics()["bellwire_connections_evicted_total"]


def scold(server):
    """More kinds of refusals than the log has lines for."""
    with server.connect() as c:
        for i in range(40):
            c.send(get(f"/no/{i}"))
            assert c.answer().status == 404


def hold_a_page(server):
    with server.connect() as idle:
        for _ in range(20):
            idle.send(get("/alerts"))
        wait_for("a page that is held",
                 lambda: server.status_of("/alerts") == 503)


def plain(start, tmp_path, seen):
    template = "long=" + "{annotations.a}" * 20
    server = start("--dedup", "1h", "--template", template, "--emit",
                   "stdout,format=long")
    refuse(server)
    take(server)
    crowd(server)
    scold(server)
    hold_a_page(server)
    seen.look(server.connect())


def guarded(start, tmp_path, seen):
    """By credentials, and by addresses."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    server = start("--auth-token-file", str(token))
    assert server.status_of("/alerts") == 401
    seen.look(server.connect(), "Authorization: Bearer secret")
    path = f"unix:{tmp_path}/socket"
    server = start("--allow", "127.0.0.2", listen=("127.0.0.1:0", path))
    with server.connect() as c:
        assert c.is_closed()
    seen.look(Client(path))


def secured(start, tmp_path, seen):
    pki = Pki(tmp_path)
    server = start(*pki.server().options)
    with server.connect() as c:
        c.send(b"GET / HTTP/1.1\r\n\r\n")
        read_to_end(c)
    with TlsClient(server.addresses[0], context(pki)) as c:
        seen.look(c)


def stalled(start, tmp_path, seen):
    """A sink that nobody reads, and what waited too long for one that comes
    late; and a spool that is full."""
    path = tmp_path / "fifo"
    server = start("--emit", f"fifo:{path}", "--emit", "stdout", "--max-age",
                   "100ms", "--ack-timeout", "300ms")
    assert server.post(group(5)).status == 503
    assert server.status_of("/-/ready") == 503
    for i in range(8):
        server.post(group(100, name=f"G{i}x", pad=300))
    with FifoReader(path) as reader:
        reader.until_lines(1)
        wait_for("what is too old", lambda: server.metrics()[
            "bellwire_skipped_total"])
    seen.look(server.connect())
    server = start("--emit", f"fifo:{path}2", "--ack-timeout", "300ms",
                   "--spool", f"{tmp_path}/spool")
    n = iter(range(100))
    wait_for("no room", lambda: "room" in server.post(
        group(1000, name=f"G{next(n)}x", pad=300)).text())
    seen.look(server.connect())


def broken(start, tmp_path, seen):
    """A sink that cannot be written to, a spool's file that is gone, and a sink
    that was taken out."""
    with open("/dev/full", "wb") as full:
        server = start(stdout=full)
        assert server.post(group(1)).status == 503
        seen.look(server.connect())
        server.signal(signal.SIGKILL)
        server.wait()
    file = tmp_path / "spool"
    options = ("--spool", str(file), "--emit", "stdout")
    server = start(*options, "--emit", f"fifo:{tmp_path}/none")
    server.accepts(group(3))
    file.unlink()
    server.accepts(group(3, name="After"))
    seen.look(server.connect())
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    server = start(*options)
    seen.look(server.connect())


def test_every_counter_moves(start, tmp_path, slow, slow_clients):
    seen = Seen()
    for scenario in (plain, guarded, secured, stalled, broken):
        folder = tmp_path / scenario.__name__
        folder.mkdir()
        scenario(start, folder, seen)
    for name in ("head", "body"):
        slow.result(name)
    seen.look(slow_clients.server.connect())
    assert seen.moved == seen.all, sorted(seen.all - seen.moved)


def page_of(text):
    """{series: number} of a page that is whole."""
    lines = text.split("\n")
    assert lines.pop() == ""
    assert all(re.fullmatch(r"# (HELP|TYPE) \w+ .+|"
                            r'\w+({\w+="[^"]*"})? \d+(\.\d+)?', x)
               for x in lines), text
    return {k: float(v) for k, _, v in (x.rpartition(" ") for x in lines
                                        if x[0] != "#")}


ANSWERED = 'bellwire_http_requests_total{code="200"}'


@pytest.mark.parametrize("kind", ["start", "start_tls"])
def test_a_page_is_of_one_moment_however_slowly_it_is_read(
        kind, request, tmp_path):
    """Of as many sinks as there can be, with long names, which is the largest
    page. Two clients have asked for many, and take some when others have had
    theirs and numbers have become longer."""
    n = 300
    sinks = [f"--emit=fifo:{tmp_path}/{i}{'n' * (240 - len(str(tmp_path)))}"
             ",wait=no" for i in range(7)]
    server = request.getfixturevalue(kind)(
        "--emit=stdout", "--ack-timeout=2s", *sinks)
    with ExitStack() as opened:
        other = opened.enter_context(server.connect())
        slow = [opened.enter_context(server.connect(room=4096))
                for _ in range(2)]
        asked = 0  # by the other one, and answered

        def ask(what, status=200):
            nonlocal asked
            other.send(what)
            answer = other.answer()
            assert answer.status == status
            asked += status == 200
            return answer.text()

        def answered():
            return page_of(ask(get("/metrics")))[ANSWERED] - asked + 1

        def stand_still():
            before = answered()
            return all(answered() == before for _ in range(5))

        for client in slow:
            client.send(get("/metrics") * n)
        for turn in range(3):
            wait_for("sockets that are full", stand_still)
            ask(post(group(10 ** turn, name=f"T{turn}x")))
            ask(get("/no"), 404)
            ask(get("/alerts"))  # is another page, and nobody has it
            for client in slow:
                before = answered()
                while answered() < before + 3:
                    client._more()
        assert answered() < 2 * n - 10  # there was much that had to wait
        pages = [[page_of(client.answer().text()) for _ in range(n)]
                 for client in slow]
    for page in sum(pages, []):
        assert page.keys() == pages[0][0].keys()
        assert page['bellwire_alerts_total{status="firing"}'] == \
            page["bellwire_firing_alerts"]
        assert page['bellwire_http_requests_total{code="404"}'] == \
            page['bellwire_rejected_total{reason="not_found"}']
    for few in pages:
        counts = [page[ANSWERED] for page in few]
        assert counts == sorted(set(counts))

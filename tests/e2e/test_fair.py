"""No client keeps another from its answer, or fills a disk with our log."""
import signal
import threading

from helpers import (alert, get, group, payload, post, read_logfmt, told_of,
                     wait_for)
from tls_helpers import pki, start_tls  # noqa: F401


def refusals(server):
    return [read_logfmt(x) for x in server.log_lines()
            if 'msg="request refused"' in x]


def told(server, field):
    return sum(int(e.get(field, 0)) for e in refusals(server))


def total(server):
    """Refusals that the log accounts for."""
    return told_of(refusals(server)) + max(
        int(e.get("log_lines_dropped", 0)) for e in refusals(server))


def send_all(server, requests):
    """On one connection; all are answered."""
    with server.connect() as c:
        for i in range(0, len(requests), 50):
            c.send(b"".join(requests[i:i + 50]))
            for _ in requests[i:i + 50]:
                c.answer()


def test_equal_refusals_are_one_line_with_a_count(start):
    server = start()
    send_all(server, [post(b"{")] * 2000)
    first = refusals(server)[0]
    assert first["request"] == "POST /webhook" and first["code"] == "400"
    wait_for("the rest", lambda: total(server) == 2000)
    assert len(refusals(server)) <= 6
    assert server.metrics()['bellwire_rejected_total{reason="not_json"}'] == \
        2000


def test_what_goes_on_is_told_ever_more_seldom(start):
    server = start()
    send_all(server, [post(b"{")] * 10)
    wait_for("the first count", lambda: told(server, "more_like_it") == 9)
    send_all(server, [post(b"{")] * 10)
    wait_for("the second", lambda: told(server, "more_like_it") == 19)
    times = [e["ts"] for e in refusals(server)]
    assert len(times) == 3


def test_each_kind_is_told_at_once(start):
    server = start()
    send_all(server, [post(b"{"), get("/no"), post(b"[]"), get("/webhook"),
                      post(b"{"), get("/no")])
    assert [e["code"] for e in refusals(server)] == ["400", "404", "422", "405"]
    assert refusals(server)[1]["request"] == "GET /no"


def test_refusals_of_many_kinds_fill_no_log(start):
    server = start()
    send_all(server, [get(f"/no/{i}") for i in range(3000)])
    told = len(refusals(server))
    assert 0 < told < 300
    assert server.metrics()["bellwire_log_lines_dropped_total"] == 3000 - told


def test_what_was_gathered_is_told_at_the_end(start):
    server = start()
    send_all(server, [post(b"{")] * 3)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert total(server) == 3


def test_who_asks_for_all_at_once_is_answered_between_the_others(start):
    """400 times /alerts, each of them rendered, and all asked for before the
    first is answered."""
    server = start()
    server.accepts(group(400, pad=400))
    with server.connect() as greedy:
        greedy.send(get("/alerts", method="HEAD") * 400)
        with server.connect() as good:
            good.send(post(payload(alert("Good"))))
            assert good.answer().status == 200
        answered = len(greedy.socket.recv(1 << 20).split(b"HTTP/1.1 200")) - 1
        assert answered < 200


def test_a_tls_peer_that_says_nothing_keeps_nobody_out(start_tls):  # noqa: F811
    """Warnings without end, in a handshake: none of them is a request."""
    server = start_tls()
    over = threading.Event()
    sent = 0

    def flood():
        nonlocal sent
        warning = b"\x15\x03\x03\x00\x02\x01\x64" * 5000
        with server.raw() as c:
            c.socket.settimeout(1)
            try:
                while not over.is_set():
                    c.socket.sendall(warning)
                    sent += len(warning)
            except OSError:
                pass
    peers = [threading.Thread(target=flood) for _ in range(3)]
    for p in peers:
        p.start()
    try:
        wait_for("the flood", lambda: sent > 100_000)
        for i in range(10):
            server.accepts(payload(alert(f"A{i}")))
    finally:
        over.set()
        for p in peers:
            p.join()
    assert len(server.lines()) == 10


def test_a_large_group_leaves_room_for_small_ones(start, tmp_path):
    """It comes alert by alert and waits for room; a small one that finds none
    would be refused at once."""
    server = start("--emit", f"fifo:{tmp_path}/bell")

    def queued():
        return server.metrics()['bellwire_alerts_total{status="firing"}']

    with server.connect() as greedy, server.connect() as good:
        greedy.socket.setblocking(False)
        greedy.socket.send(post(group(4000, name="Large", pad=100)))
        wait_for("the large one", lambda: queued() > 100)
        last = None

        def waits():
            nonlocal last
            before, last = last, queued()
            return before == last
        wait_for("it to wait for room", waits)
        good.send(post(group(20, name="Good", pad=300)))
        wait_for("the small one", lambda: queued() == last + 20)


def test_bodies_that_cost_most_keep_nobody_waiting(start):
    """Sixteen peers, each with one whole body of {} after the other."""
    server = start()
    over = threading.Event()
    body = b'{"alerts":[' + b",".join([b"{}"] * 10900) + b"]}"
    sent = [0] * 16

    def flood(n):
        request = post(body)
        with server.connect() as c:
            c.socket.settimeout(1)
            while not over.is_set():
                try:
                    c.send(request)
                    sent[n] += 1
                    c.buffer = b""
                    while c._more() and not over.is_set():
                        if b"422" in c.buffer:
                            break
                except OSError:
                    continue
    peers = [threading.Thread(target=flood, args=(n,)) for n in range(16)]
    for p in peers:
        p.start()
    try:
        wait_for("the flood", lambda: min(sent) > 1)
        with server.connect() as good:
            for i in range(30):
                good.send(post(payload(alert(f"A{i}"))))
                assert good.answer().status == 200
    finally:
        over.set()
        for p in peers:
            p.join()

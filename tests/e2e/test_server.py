"""The process: its standard output, connections, signals, sockets, metrics."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from helpers import (BELLWIRE, Client, DEADLINE, Reader, alert, as_lines, get,
                     group, head, is_safe, names_in, payload, post,
                     post_chunked, read_logfmt, run, wait_for)

QUICK = ("--ack-timeout", "300ms")


def expected(n):
    return [f"Bell{i}" for i in range(n)]


def post_until_200(server, request):
    """As Alertmanager would: again on 503. How often that was."""
    refusals = 0
    end = time.monotonic() + DEADLINE
    while True:
        answer = server.ask(request)
        if answer.status == 200:
            return refusals
        assert answer.status == 503
        assert answer.get("Retry-After")
        refusals += 1
        assert time.monotonic() < end


# --- a slow standard output -------------------------------------------------

def test_a_full_stdout_does_not_block_and_each_line_comes_once(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    request = post(group(30, pad=300))
    begin = time.monotonic()
    for _ in range(3):
        answer = server.ask(request)
        assert answer.status == 503
        assert int(answer.get("Retry-After")) > 0
        assert answer.get("Connection") is None  # all of it was read
        assert answer.tells_one_line()
        assert server.status_of("/-/healthy") == 200
        assert server.metrics()["bellwire_spool_bytes"] > 0
    assert time.monotonic() - begin > 0.9
    pipe.close(pipe.write_end)
    reader = Reader(pipe.read_end)
    post_until_200(server, request)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == expected(30)


def test_a_client_is_served_while_another_waits_for_stdout(start, pipe):
    server = start("--ack-timeout", "1h", stdout=pipe.write_end)
    with server.connect() as waiting:
        waiting.send(post(group(30, pad=300)))
        wait_for("a full pipe", lambda: server.metrics()
                 ["bellwire_spool_bytes"] > 0)
        for _ in range(5):
            assert server.status_of("/-/healthy") == 200
        reader = Reader(pipe.read_end)
        assert waiting.answer().status == 200
    assert server.metrics()["bellwire_spool_bytes"] == 0
    pipe.close(pipe.write_end)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == expected(30)


@pytest.mark.parametrize("make", [post, post_chunked])
def test_a_group_larger_than_the_spool_through_a_slow_reader(start, pipe,
                                                             make):
    server = start("--ack-timeout", "50ms", stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    reader = Reader(pipe.read_end, piece=4096, pause=0.003)
    post_until_200(server, make(group(1000, pad=600)))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == expected(1000)


def test_the_same_alerts_from_two_clients_are_queued_once(start, pipe):
    server = start("--ack-timeout", "1h", stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    body = group(30, pad=300)
    other = {**body, "externalURL": "http://other.example"}
    with server.connect() as a, server.connect() as b:
        a.send(post(body))
        wait_for("a full pipe", lambda: server.metrics()
                 ["bellwire_spool_bytes"] > 0)
        b.send(post(other))
        wait_for("the second", lambda: server.metrics()
                 ["bellwire_duplicates_total"] == 30)
        reader = Reader(pipe.read_end)
        assert a.answer().status == b.answer().status == 200
    metrics = server.metrics()
    assert metrics['bellwire_alerts_total{status="firing"}'] == 30
    assert metrics["bellwire_notifications_total"] == 2
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == expected(30)


def test_a_connection_that_breaks_while_it_waits_may_come_again(start, pipe):
    server = start("--ack-timeout", "1h", stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    request = post(group(30, pad=300))
    c = server.connect()
    c.send(request)
    wait_for("a full pipe", lambda: server.metrics()
             ["bellwire_spool_bytes"] > 0)
    c.reset()
    wait_for("the end of the connection", lambda: server.metrics()
             ["bellwire_connections"] == 1)
    reader = Reader(pipe.read_end)
    wait_for("all lines", lambda: reader.got.count(b"\n") == 30)
    assert server.ask(request).status == 200
    assert server.ask(request).status == 200  # that is a new notification
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == 2 * expected(30)


def test_another_state_is_another_alert_while_queued(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    firing = payload(alert(), *group(30, pad=300)["alerts"])
    gone = payload(alert(status="resolved"), alert(
        startsAt="2026-11-24T02:30:00Z"), alert(labels={"x": "y"}))
    assert server.ask(post(firing)).status == 503
    assert server.ask(post(gone)).status == 503
    reader = Reader(pipe.read_end)
    post_until_200(server, post(gone))
    post_until_200(server, post(firing))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    lines = as_lines(reader.rest())
    assert Counter(x for x in lines if "about Bell" in x) == Counter([
        "2026-11-24T02:00:00Z FIRING critical Bell about Bell",
        "2026-11-24T03:00:00Z RESOLVED critical Bell about Bell",
        "2026-11-24T02:30:00Z FIRING critical Bell about Bell",
        '2026-11-24T02:00:00Z FIRING critical Bell{x="y"} about Bell'])
    assert len(lines) == 34


def test_equal_alerts_in_a_payload_survive_a_refusal(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    same = alert(annotations={"summary": "x" * 500})
    request = post(payload(*[same] * 12))
    assert server.ask(request).status == 503
    assert server.ask(request).status == 503
    reader = Reader(pipe.read_end)
    post_until_200(server, request)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert len(as_lines(reader.rest())) == 12


def test_a_repeat_after_200_is_a_new_notification(server):
    for _ in range(3):
        server.accepts(group(2))
    assert names_in(server.lines()) == 3 * expected(2)


def test_no_room_gets_503_at_once_and_ready_tells(start, pipe):
    server = start("--ack-timeout", "1h", stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    waiting, refused = [], None
    for i in range(40):
        c = server.connect()
        c.send(post(group(40, name=f"G{i}x", pad=500)))
        waiting.append(c)
        before = server.metrics()['bellwire_http_requests_total{code="503"}']
        if before:
            refused = waiting.pop()
            break
    assert refused, "the spool holds 256K"
    answer = refused.answer()  # the others wait for an hour
    assert answer.status == 503 and answer.get("Retry-After")
    assert server.status_of("/-/ready") == 503
    assert server.status_of("/-/healthy") == 200
    reader = Reader(pipe.read_end)
    assert [c.answer().status for c in waiting] == [200] * len(waiting)
    assert server.status_of("/-/ready") == 200
    for c in waiting + [refused]:
        c.close()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == [
        f"G{i}x{k}" for i in range(len(waiting)) for k in range(40)]


# --- a standard output that is gone or not ours -----------------------------

def check_down(server):
    for _ in range(2):
        answer = server.post(group(2))
        assert answer.status == 503 and answer.get("Retry-After")
    assert server.status_of("/-/ready") == 503
    assert server.status_of("/-/healthy") == 200
    metrics = server.metrics()
    assert metrics['bellwire_sink_up{sink="stdout"}'] == 0
    assert metrics['bellwire_sink_errors_total{sink="stdout"}'] >= 1
    assert metrics['bellwire_sink_lines_total{sink="stdout"}'] == 0
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_a_reader_that_is_gone(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    assert server.status_of("/-/ready") == 200
    pipe.close()
    check_down(server)


def test_a_full_device(start):
    with open("/dev/full", "wb") as full:
        check_down(start(*QUICK, stdout=full))


def test_a_peer_of_a_socket_that_is_gone(start):
    ours, theirs = socket.socketpair()
    server = start(*QUICK, stdout=theirs)
    ours.close()
    theirs.close()
    check_down(server)


def test_the_flags_of_a_shared_pipe_stay_as_they_are(start, pipe):
    before = fcntl.fcntl(pipe.write_end, fcntl.F_GETFL)
    read_before = fcntl.fcntl(pipe.read_end, fcntl.F_GETFL)
    server = start(*QUICK, stdout=pipe.write_end)
    server.post(group(30, pad=300))  # full
    assert fcntl.fcntl(pipe.write_end, fcntl.F_GETFL) == before
    assert fcntl.fcntl(pipe.read_end, fcntl.F_GETFL) == read_before
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert fcntl.fcntl(pipe.write_end, fcntl.F_GETFL) == before
    assert not before & os.O_NONBLOCK


def test_the_flags_of_a_shared_socket_stay_as_they_are(start):
    ours, theirs = socket.socketpair()
    before = fcntl.fcntl(theirs, fcntl.F_GETFL)
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        server = start(*QUICK, stdout=theirs)
        request = post(group(100, pad=300))
        assert server.ask(request).status == 503  # full
        assert server.status_of("/-/healthy") == 200
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == before
        reader = Reader(ours.fileno())
        post_until_200(server, request)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == before
        theirs.close()
        assert names_in(as_lines(reader.rest())) == expected(100)


def test_the_flags_of_a_terminal_stay_as_they_are(start):
    ours, theirs = pty.openpty()
    try:
        before = fcntl.fcntl(theirs, fcntl.F_GETFL)
        server = start(*QUICK, stdout=theirs)
        assert server.post(group(300, pad=300)).status == 503  # full
        assert server.status_of("/-/healthy") == 200
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == before
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == before
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_reader_that_closes_midway(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    assert server.post(group(30, pad=300)).status == 503
    os.read(pipe.read_end, 1000)
    pipe.close()
    assert server.post(group(30, pad=300)).status == 503
    assert server.status_of("/-/ready") == 503


def test_what_got_200_is_there_though_killed_at_once(start, pipe):
    server = start(stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    with server.connect() as c:
        c.send(post(group(5)))
        assert c.answer().status == 200
        server.signal(signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    assert names_in(as_lines(Reader(pipe.read_end).rest())) == expected(5)


# --- connections ------------------------------------------------------------

PARTIAL = b"POST /webhook HTTP/1.1\r\nHost: bell\r\n"


def test_a_flood_of_partial_heads_keeps_no_one_out(server):
    keeper = server.connect()
    keeper.send(post(group(1)))
    assert keeper.answer().status == 200
    flood = []
    try:
        for i in range(200):
            c = server.connect()
            c.send(PARTIAL)
            flood.append(c)
            if i % 20 == 19:
                assert server.post(group(1)).status == 200
                keeper.send(post(group(1)))
                assert keeper.answer().status == 200
        metrics = server.metrics()
        assert metrics["bellwire_connections"] <= 64
        assert metrics["bellwire_connections_evicted_total"] >= 200 - 64
        assert len(server.lines()) == 21
    finally:
        for c in flood + [keeper]:
            c.close()


def test_a_flood_that_says_nothing_keeps_no_one_out(server):
    flood = [server.connect() for _ in range(150)]
    for _ in range(5):
        assert server.post(group(1)).status == 200
    assert flood[0].is_closed(), "the oldest goes first"
    for c in flood:
        c.close()


def test_the_longest_idle_goes_for_a_new_one(server):
    clients = []
    for _ in range(64):
        c = server.connect()
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
        clients.append(c)
        time.sleep(0.002)
    clients[0].send(get("/-/healthy"))  # now the second is longest idle
    assert clients[0].answer().status == 200
    assert server.status_of("/-/healthy") == 200
    assert clients[1].is_closed()
    for c in clients[:1] + clients[2:]:
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
        c.close()


def test_64_connections_are_kept(server):
    clients = [server.connect() for _ in range(64)]
    for _ in range(3):
        for i, c in enumerate(clients):
            c.send(post(payload(alert(f"From{i}"))))
        for c in clients:
            assert c.answer().status == 200
    assert len(server.lines()) == 3 * 64
    clients[0].send(get("/metrics"))
    text = clients[0].answer().text()
    assert re.search(r"^bellwire_connections 64$", text, re.M)
    assert re.search(r"^bellwire_connections_evicted_total 0$", text, re.M)
    for c in clients:
        c.close()


def test_a_client_that_does_not_read_its_answers_holds_up_no_one(server):
    n = 3000  # more than the kernel keeps for us
    request = get("/metrics")
    with server.connect() as c:
        sender = threading.Thread(target=c.send, args=(request * n,))
        sender.start()
        for _ in range(20):
            assert server.post(group(1)).status == 200
        assert [c.answer().status for _ in range(n)] == [200] * n
        sender.join(DEADLINE)
    assert len(server.lines()) == 20


def test_clients_that_vanish_do_no_harm(server):
    for request in PARTIAL, post(group(1))[:-5], post(group(5)), \
            get("/metrics") * 50, post(b"x" * 100000)[:50000]:
        for reset in True, False:
            c = server.connect()
            c.send(request)
            c.reset() if reset else c.close()
    wait_for("their end", lambda: server.metrics()
             ["bellwire_connections"] == 1)
    assert server.post(group(1)).status == 200


@pytest.mark.parametrize("descriptors", [7, 8, 10, 16, 20, 40])
def test_few_descriptors_make_fewer_connections(start, descriptors):
    server = start(descriptors=descriptors)
    told = [x for x in server.log_lines() if re.search(r"connections=\d+", x)]
    assert len(told) == 1
    n = int(re.search(r"connections=(\d+)", told[0]).group(1))
    assert 0 < n < descriptors
    flood = [server.connect() for _ in range(2 * descriptors)]
    for c in flood:
        c.send(PARTIAL)
    for _ in range(5):
        assert server.post(group(1)).status == 200
    assert server.metrics()["bellwire_connections"] <= n
    for c in flood:
        c.close()


@pytest.mark.parametrize("descriptors", range(7, 12))
def test_sinks_that_are_not_there_need_no_descriptors(start, descriptors):
    """poll(2) refuses to be asked about more than the limit."""
    absent = [x for i in range(7) for x in ("--emit", f"serial:/none/{i}")]
    server = start(*absent, "--emit", "stdout", descriptors=descriptors)
    with server.connect() as resting:
        for _ in range(3):
            resting.send(get("/-/healthy"))
            assert resting.answer().status == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_too_few_descriptors_are_an_error(start):
    with pytest.raises(AssertionError) as told:
        start(descriptors=6)
    assert "too few descriptors" in str(told.value)
    assert "needed=7" in str(told.value)


def test_enough_descriptors_are_not_told_of(start):
    server = start(descriptors=256)
    assert "connections=" not in server.log()


# --- signals ----------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(start, number):
    server = start("--ack-timeout", "1h")
    with server.connect() as idle, server.connect() as partial:
        idle.send(post(group(1)))
        assert idle.answer().status == 200
        partial.send(PARTIAL)
        server.signal(number)
        assert server.wait() == 0
    assert len(server.lines()) == 1


def test_sigterm_emits_what_is_queued(start, pipe):
    server = start("--ack-timeout", "1h", stdout=pipe.write_end)
    pipe.close(pipe.write_end)
    with server.connect() as c:
        c.send(post(group(30, pad=300)))
        wait_for("a full pipe", lambda: server.metrics()
                 ["bellwire_spool_bytes"] > 0)
        server.signal(signal.SIGTERM)
        wait_for("no more connections", lambda: refuses(server))
        reader = Reader(pipe.read_end)
        assert c.answer().status == 200
        assert server.wait() == 0
    assert names_in(as_lines(reader.rest())) == expected(30)


def refuses(server):
    try:
        server.connect().close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def test_sigterm_waits_no_longer_than_ack_timeout(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    assert server.post(group(30, pad=300)).status == 503
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_sighup_is_survived(server):
    with server.connect() as c:
        for _ in range(3):
            server.signal(signal.SIGHUP)
            c.send(post(group(1)))
            assert c.answer().status == 200
    assert server.post(group(1)).status == 200
    assert len(server.lines()) == 4


# --- where it listens -------------------------------------------------------

def test_four_addresses_and_each_is_logged(start, tmp_path):
    path = tmp_path / "socket"
    server = start(listen=["127.0.0.1:0", "[::1]:0", ":0", f"unix:{path}"])
    v4, v6, any_, unix = server.addresses
    assert re.fullmatch(r"127\.0\.0\.1:\d+", v4)
    assert re.fullmatch(r"\[::1\]:\d+", v6)
    assert unix == f"unix:{path}"
    port = any_.rpartition(":")[2]
    for address in v4, v6, f"127.0.0.1:{port}", f"[::1]:{port}", unix:
        with server.connect(address) as c:
            c.send(post(group(1)))
            assert c.answer().status == 200
    assert len(server.lines()) == 5


def test_a_stale_unix_socket_is_replaced(start, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
    server = start(listen=[f"unix:{path}"])
    with server.connect(f"unix:{path}") as c:
        c.send(post(group(1)))
        assert c.answer().status == 200


def test_a_unix_socket_left_by_a_killed_one_is_replaced(start, tmp_path):
    listen = [f"unix:{tmp_path / 'socket'}"]
    first = start(listen=listen)
    first.signal(signal.SIGKILL)
    first.wait()
    second = start(listen=listen)
    assert second.post(group(1)).status == 200


def serve_in_vain(*args):
    result = run(*args)
    assert result.stdout == b""
    return result


def test_a_unix_socket_in_use_exits_1_and_stays(start, tmp_path):
    address = f"unix:{tmp_path / 'socket'}"
    server = start(listen=[address])
    assert serve_in_vain("--listen", address).returncode == 1
    assert server.post(group(1)).status == 200


def test_a_file_in_place_of_a_unix_socket_exits_1_and_stays(tmp_path):
    path = tmp_path / "socket"
    path.write_text("precious")
    assert serve_in_vain("--listen", f"unix:{path}").returncode == 1
    assert path.read_text() == "precious"


def test_a_port_in_use_exits_1_naming_it(server):
    result = serve_in_vain("--listen", server.addresses[0])
    assert result.returncode == 1
    assert server.addresses[0] in result.stderr.decode()
    assert server.post(group(1)).status == 200


# --- log and metrics --------------------------------------------------------

def test_every_4xx_is_logged_and_counted(server):
    requests = [(get("/no"), 404), (get("/webhook"), 405),
                (post(b"{}"), 422), (post(b"x"), 400),
                (post(b"", "Content-Encoding: gzip"), 415),
                (post(b"{}", "Content-Length: 2"), 400),
                (head("POST /webhook HTTP/1.1", "Host: bell",
                      "Content-Type: application/json"), 411)]
    for request, status in requests:
        assert server.ask(request).status == status
    for status, n in Counter(s for _, s in requests).items():
        assert len([x for x in server.log_lines()
                    if re.search(rf"\b{status}\b", x)]) == n
    metrics = server.metrics()
    for status, n in Counter(s for _, s in requests).items():
        assert metrics[f'bellwire_http_requests_total{{code="{status}"}}'] == n
    assert sum(v for k, v in metrics.items()
               if k.startswith("bellwire_rejected_total{")) == len(requests)


def test_metrics_are_right(start):
    begin = time.time()
    server = start("--emit", "stdout,match=alertname!=Hidden")
    server.accepts(payload(alert("A"), alert("Hidden"),
                           alert("B", status="resolved"), truncatedAlerts=2))
    server.accepts(payload())
    server.accepts(payload(alert("C")))
    server.post(b"{}")
    server.ask(get("/no"))
    server.ask(get("/-/ready"))
    got = server.metrics()
    code = 'bellwire_http_requests_total{code="%d"}'
    assert {k: got[k] for k in (
        code % 200, code % 422, code % 404, code % 503,
        "bellwire_notifications_total",
        'bellwire_alerts_total{status="firing"}',
        'bellwire_alerts_total{status="resolved"}',
        'bellwire_sink_lines_total{sink="stdout"}',
        'bellwire_sink_errors_total{sink="stdout"}',
        'bellwire_sink_up{sink="stdout"}', "bellwire_spool_bytes",
        "bellwire_spool_size_bytes", "bellwire_duplicates_total",
        "bellwire_connections_evicted_total")} == {
        code % 200: 4, code % 422: 1, code % 404: 1, code % 503: 0,
        "bellwire_notifications_total": 3,
        'bellwire_alerts_total{status="firing"}': 3,
        'bellwire_alerts_total{status="resolved"}': 1,
        'bellwire_sink_lines_total{sink="stdout"}': 4,
        'bellwire_sink_errors_total{sink="stdout"}': 0,
        'bellwire_sink_up{sink="stdout"}': 1, "bellwire_spool_bytes": 0,
        "bellwire_spool_size_bytes": 262144, "bellwire_duplicates_total": 0,
        "bellwire_connections_evicted_total": 0}
    assert len(server.lines()) == 4
    last = got["bellwire_last_notification_timestamp_seconds"]
    assert int(begin) <= last <= time.time()
    assert any(k.startswith("bellwire_build_info{") and v == 1
               for k, v in got.items())
    assert got["process_open_fds"] <= got["process_max_fds"]
    assert int(begin) <= got["process_start_time_seconds"] <= time.time()
    assert 0 < got["process_resident_memory_bytes"] <= \
        got["process_virtual_memory_bytes"]
    assert got["process_cpu_seconds_total"] >= 0
    # scrapes count
    assert server.metrics()[code % 200] == 5
    assert server.metrics()[code % 200] == 6


@pytest.mark.skipif(os.sysconf("SC_PAGESIZE") != 4096, reason="large pages")
def test_a_server_that_waits_has_little_resident(server):
    """The start is let go of, and what the loop runs stands together, if it
    was optimised as one: less than two of the 64 KB that Linux maps around a
    page of code."""
    flags = Path(os.environ.get("O", "build"), "flags").read_text()
    most = 224 if "-flto" in flags else 300
    def resident():
        maps = Path(f"/proc/{server.process.pid}/smaps").read_text()
        return sum(map(int, re.findall(r"^Rss:\s+(\d+)", maps, re.M)))
    wait_for(f"at most {most} KB", lambda: resident() <= most)


def test_open_descriptors_are_counted_right(server):
    before = server.metrics()["process_open_fds"]
    clients = [server.connect() for _ in range(10)]
    wait_for("ten more", lambda: server.metrics()
             ["process_open_fds"] == before + 10)
    for c in clients:
        c.close()
    wait_for("ten fewer", lambda: server.metrics()
             ["process_open_fds"] == before)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool_has_nothing_to_say(start, pipe):
    server = start(*QUICK, stdout=pipe.write_end)
    for request in post(group(30, pad=300)), post(b"{}"), get("/no"):
        server.ask(request)
    answer = server.ask(get("/metrics"))
    assert answer.get("Content-Type").startswith("text/plain; version=0.0.4")
    result = subprocess.run(["promtool", "check", "metrics"],
                            input=answer.body, capture_output=True,
                            timeout=DEADLINE)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("level,kinds", [
    ("error", set()), ("warn", {"warn"}), ("debug", {"debug", "info",
                                                     "warn"})])
def test_log_level(tmp_path, level, kinds):
    path = tmp_path / "socket"
    err = tmp_path / "err"
    with err.open("wb") as e:
        p = subprocess.Popen([BELLWIRE, "--listen", f"unix:{path}",
                              "--log-level", level], stderr=e,
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    try:
        wait_for("the socket", lambda: answers(path, get("/no")))
        answers(path, get("/-/healthy"))
        p.terminate()
        assert p.wait(DEADLINE) == 0
    finally:
        p.kill()
        p.wait()
    lines = as_lines(err.read_bytes())
    assert {re.search(r" level=(\w+)", x).group(1) for x in lines} == kinds


def answers(path, request):
    try:
        with Client(f"unix:{path}") as c:
            c.send(request)
            return c.answer()
    except (FileNotFoundError, ConnectionRefusedError):
        return None


def test_the_log_is_logfmt_and_no_one_forges_it(server):
    for name in "a\nlevel=info", 'b" code=200 x="', "c\x1b\u202e\x85", "d\r":
        answer = server.post(json.dumps(payload(alert(labels={name: 1}))))
        assert answer.status == 422
    server.ask(b"GET /\x80\x1b HTTP/1.1\r\nHost: b\r\n\r\n")
    lines = server.log_lines()
    assert all(is_safe(x) for x in lines)
    assert [read_logfmt(x)["code"] for x in lines
            if "code=" in x] == ["422"] * 4 + ["400"]

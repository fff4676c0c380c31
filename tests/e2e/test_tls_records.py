"""Record by record, what no client should send: after each the server has said
an alert, or closed in order, and told its log; it never waits beyond its
deadline, and serves the next client."""
import json
import re
import time

import pytest

from helpers import (Client, alert, get, head, names_in, payload, post,
                     wait_for)
from tls_helpers import (Wire, context, end, events, failures,
                         handshake_errors, pki, secure, start_tls)
from tls_records import (ALERT, CCS, CERTIFICATE, CLIENT_HELLO,
                         CLIENT_KEY_EXCHANGE, CLOSE_NOTIFY, DATA, EMS, FATAL,
                         FINISHED, HANDSHAKE, HELLO_REQUEST, NO_RENEGOTIATION,
                         TLS12, USER_CANCELED, WARNING, Peer, extension,
                         message, vector)

UNEXPECTED, BAD_MAC, OVERFLOW, FAILURE = 10, 20, 22, 40
ILLEGAL, DECODE, DECRYPT, VERSION = 47, 50, 51, 70
REQUEST = get("/-/healthy")


@pytest.fixture
def peer(start_tls):
    """peer() -> one connected; the server is peer.server."""
    server = start_tls("--log-level", "debug")
    opened = []

    def connect():
        opened.append(server.raw())
        return Peer(opened[-1])
    connect.server = server
    yield connect
    for c in opened:
        c.close()


def expect_good(peer):
    """Another client is served, record by record and by a library."""
    assert peer().greet().ask(REQUEST).startswith(b"HTTP/1.1 200 ")
    peer.server.accepts(payload(alert("Good")))
    assert names_in(peer.server.lines()) == ["Good"]


# --- good, if unusual -------------------------------------------------------

def ask(p):
    assert p.ask(REQUEST).startswith(b"HTTP/1.1 200 ")


def in_pieces(n):
    def case(p):
        p.say(p.hello(), pieces=n)
        p.listen()
        p.say(p.key_exchange(), pieces=n)
        p.change()
        p.say(p.finished(), pieces=n)
        p.expect_finished()
        for i in range(0, len(REQUEST), n):
            p.send(DATA, REQUEST[i:i + n])
        assert p.answer().startswith(b"HTTP/1.1 200 ")
    return case


def with_empty_records(p):
    """RFC 5246 6.2.1 allows them for data alone; the others do no harm."""
    for part in p.hello()[:50], p.hello()[50:]:
        p.say(part)
        p.send(HANDSHAKE, b"")
    p.listen()
    p.send(ALERT, b"")
    p.finish()
    for byte in REQUEST:
        p.send(DATA, b"")
        p.send(DATA, bytes([byte]))
    assert p.answer().startswith(b"HTTP/1.1 200 ")


def messages_together(p):
    p.start()
    p.say(p.key_exchange())
    p.change()
    m = p.finished()
    p.send(HANDSHAKE, m[:3])
    p.send(HANDSHAKE, m[3:])
    p.transcript += m
    p.expect_finished()
    ask(p)


def largest_hello(p):
    """16,384 bytes in one record."""
    room = 16384 - len(p.hello(extension(21))) - 4 + 4
    m = p.hello(extension(21, bytes(room)))
    assert len(m) == 16384
    p.say(m)
    p.listen()
    p.finish()
    ask(p)


def larger_hello(p):
    """Over several records."""
    p.say(p.hello(extension(21, bytes(40_000))), pieces=16384)
    p.listen()
    p.finish()
    ask(p)


def largest_data(p):
    """16,384 bytes of data in a record: a body of white space and a payload."""
    p.greet()
    start = head("POST /webhook HTTP/1.1", "Host: bell",
                 "Content-Type: application/json", "Content-Length: 16000")
    body = json.dumps(payload(alert("Large"))).encode().rjust(16000)
    start = start.replace(b"Host", b"X: " + b"x" * (
        16384 - len(start) - len(body) - 5) + b"\r\nHost")
    data = start + body
    assert len(data) == 16384
    assert p.ask(data).startswith(b"HTTP/1.1 200 ")


def warnings(p):
    """Which only say something."""
    p.send(ALERT, bytes([WARNING, USER_CANCELED]))
    p.start()
    p.send(ALERT, bytes([WARNING, USER_CANCELED]))
    p.send(ALERT, bytes([WARNING]))
    p.send(ALERT, bytes([USER_CANCELED]))
    p.finish()
    p.send(ALERT, bytes([WARNING, USER_CANCELED]))
    ask(p)


def renegotiation(p):
    """Is declined by a warning (RFC 5746 4.4, RFC 5246 7.2.2); what was agreed
    on goes on."""
    p.greet()
    for _ in range(3):
        p.send(HANDSHAKE, p.hello())
        assert p.next_record() == (ALERT, bytes([WARNING, NO_RENEGOTIATION]))
        ask(p)


def renegotiation_in_pieces(p):
    p.greet()
    m = p.hello()
    for i in range(0, len(m), 10):
        p.send(HANDSHAKE, m[i:i + 10])
    assert p.next_record() == (ALERT, bytes([WARNING, NO_RENEGOTIATION]))
    ask(p)


def unknown_extensions(p):
    p.start(more=extension(0x1234, bytes(500)) + extension(0x0a0a))
    p.finish()
    ask(p)


def unknown_suites(p):
    p.start(suites=b"\x0a\x0a\x13\x01\xcc\xa9\x00\xff" + b"\xfa\xfa" * 400)
    p.finish()
    ask(p)


def record_version_1_0(p):
    """Of a first hello, RFC 5246 E.1."""
    p.say(p.hello(), version=b"\x03\x01")
    p.listen()
    p.finish()
    ask(p)


def extended_master_secret(p):
    p.start(ems=True)
    assert p.extended
    p.finish()
    ask(p)


def extended_master_secret_in_pieces(p):
    p.say(p.hello(ems=True), pieces=3)
    p.listen()
    p.say(p.key_exchange(), pieces=1)
    p.change()
    p.say(p.finished())
    p.expect_finished()
    ask(p)


def no_extended_master_secret(p):
    """For those who do not ask for it."""
    p.start()
    assert not p.extended
    p.finish()
    ask(p)


GOOD = {f.__name__.replace("_", " "): f for f in (
    with_empty_records, messages_together, largest_hello, larger_hello,
    warnings, renegotiation, renegotiation_in_pieces, unknown_extensions,
    unknown_suites, record_version_1_0, extended_master_secret,
    extended_master_secret_in_pieces, no_extended_master_secret)}
GOOD |= {f"pieces of {n}": in_pieces(n) for n in (1, 2, 5, 40)}


@pytest.mark.parametrize("what", GOOD)
def test_good(what, peer):
    GOOD[what](peer())
    assert handshake_errors(peer.server) == 0
    assert events(peer.server, "TLS connection failed") == []
    expect_good(peer)


def test_largest_data(peer):
    largest_data(peer())
    assert names_in(peer.server.lines()) == ["Large"]


# --- refused ----------------------------------------------------------------
# What is sent; the alert, or None where the server says close_notify or
# nothing; words in the log.

def first(kind, data, **how):
    """In the place of a hello."""
    return lambda p: p.send(kind, data, **how)


def second(*records):
    """In the place of a key exchange; p: what needs the peer."""
    def case(p):
        p.start()
        for r in records:
            r(p)
    return case


def third(*records):
    """Behind the key exchange and ChangeCipherSpec."""
    def case(p):
        p.start()
        p.say(p.key_exchange())
        p.change()
        for r in records:
            r(p)
    return case


def last(*records):
    """After the handshake."""
    def case(p):
        p.greet()
        for r in records:
            r(p)
    return case


def plain(kind, data, **how):
    return lambda p: p.send(kind, data, **how)


def handshake(kind, body=b"", length=None):
    return lambda p: p.say(message(kind, body, length))


def key_exchange(change):
    """With another body."""
    def case(p):
        p.start()
        m = p.key_exchange()
        p.say(message(CLIENT_KEY_EXCHANGE, change(m[4:])))
        p.change()
        p.say(p.finished())
    return case


def finished(change):
    def case(p):
        p.start()
        p.say(p.key_exchange())
        p.change()
        p.send(HANDSHAKE, change(p.finished()))
    return case


def bent(at, bit=1):
    """A request's record with a bit flipped."""
    def case(p):
        p.greet()
        r = bytearray(p.record(DATA, REQUEST))
        r[at] ^= bit
        p.connection.send(bytes(r))
    return case


def skipped(p):
    p.greet()
    p.record(DATA, REQUEST)
    p.send(DATA, REQUEST)


def repeated(p):
    p.greet()
    r = p.record(DATA, REQUEST)
    p.connection.send(r)
    assert p.answer()
    p.connection.send(r)


def swapped(p):
    p.greet()
    r = [p.record(DATA, REQUEST) for _ in range(2)]
    p.connection.send(r[1] + r[0])


def unsealed(kind, data):
    def case(p):
        p.greet()
        p.writing = None
        p.send(kind, data)
    return case


def without_change(p):
    p.start()
    p.say(p.key_exchange())
    p.say(p.finished())


def early_change(p):
    p.start()
    p.send(CCS, b"\1")
    p.say(p.key_exchange())


def change_twice(p):
    p.start()
    p.say(p.key_exchange())
    p.send(CCS, b"\1")
    p.send(CCS, b"\1")


def change_in_a_message(p):
    """RFC 5246 7.1: nothing may be left of a message."""
    p.start()
    m = p.key_exchange()
    p.send(HANDSHAKE, m + b"\x14")
    p.change()
    p.send(HANDSHAKE, p.finished()[1:])


def hello_request_first(p):
    """Of a client it means nothing, but is no part of the handshake's hash for
    anybody but BearSSL."""
    p.send(HANDSHAKE, message(HELLO_REQUEST, b""))
    p.start()
    p.say(p.key_exchange())
    p.change()
    p.say(p.finished())


def forgotten(p):
    p.start(ems=True)
    p.extended = False
    p.say(p.key_exchange())
    p.change()
    p.say(p.finished())


def two_hellos(p):
    p.start()
    p.say(p.hello())


def two_key_exchanges(p):
    p.start()
    m = p.key_exchange()
    p.say(m, m)


def hello_with(body):
    return lambda p: p.say(message(CLIENT_HELLO, body(p.hello()[4:])))


def sized(n):
    """A record that claims n bytes, all of which come."""
    return lambda p: p.connection.send(
        bytes([DATA]) + TLS12 + n.to_bytes(2, "big") + bytes(n))


FAILED, BROKEN = "TLS handshake failed", "TLS connection failed"
R = {
    # the first record
    "no hello but a key exchange": (first(HANDSHAKE, message(
        CLIENT_KEY_EXCHANGE, bytes(33))), UNEXPECTED, "unexpected"),
    "no hello but Finished": (first(HANDSHAKE, message(
        FINISHED, bytes(12))), UNEXPECTED, "unexpected"),
    "HelloRequest first": (hello_request_first, DECRYPT, "wrong Finished"),
    "unknown message": (first(HANDSHAKE, message(99, b"x")), UNEXPECTED,
                        "unexpected"),
    "data first": (first(DATA, REQUEST), UNEXPECTED, "unexpected"),
    "change first": (first(CCS, b"\1"), UNEXPECTED, "unexpected"),
    "heartbeat first": (first(24, b"\1\0\0"), UNEXPECTED, "unexpected"),
    "unknown type first": (first(99, b"x"), UNEXPECTED, "unexpected"),
    "record of 16385": (first(HANDSHAKE, b"x", length=16385), OVERFLOW,
                        "length"),
    "record of 65535": (first(HANDSHAKE, b"x", length=65535), OVERFLOW,
                        "length"),
    "version 2.3": (first(HANDSHAKE, b"x", version=b"\x02\x03"), VERSION,
                    "not TLS"),
    "version 4.0": (first(HANDSHAKE, b"x", version=b"\x04\0"), VERSION,
                    "not TLS"),
    "fatal alert first": (first(ALERT, bytes([FATAL, FAILURE])), None,
                          "client refused"),
    "close_notify first": (first(ALERT, bytes([WARNING, CLOSE_NOTIFY])),
                           None, "closed the connection"),
    "no_renegotiation first": (first(ALERT, bytes([
        WARNING, NO_RENEGOTIATION])), None, "anew"),
    "alert of another level": (first(ALERT, bytes([7, FAILURE])), None,
                               "client refused"),
    # hellos
    "hello of nothing": (hello_with(lambda b: b""), DECODE, "malformed"),
    "hello cut in the random": (hello_with(lambda b: b[:20]), DECODE,
                                "malformed"),
    "hello with a session of 33": (hello_with(
        lambda b: b[:34] + vector(1, bytes(33)) + b[35:]), ILLEGAL,
        "session identifier"),
    "hello with an odd list of suites": (hello_with(
        lambda b: b[:35] + vector(2, b"\xcc\xa9\0") + b[39:]), DECODE,
        "malformed"),
    "hello without suites": (hello_with(
        lambda b: b[:35] + b"\0\0" + b[39:]), FAILURE, "no common"),
    "hello without the null compression": (hello_with(
        lambda b: b[:39] + b"\1\1" + b[41:]), FAILURE, "no common"),
    "hello with a list that is too long": (hello_with(
        lambda b: b[:41] + b"\xff\xff" + b[43:]), DECODE, "malformed"),
    "hello with more behind": (hello_with(lambda b: b + b"x"), DECODE,
                               "malformed"),
    "hello of TLS 1.1": (hello_with(lambda b: b"\3\2" + b[2:]), VERSION,
                         "TLS 1.2"),
    "hello of SSL 2.0": (hello_with(lambda b: b"\2\0" + b[2:]), VERSION,
                         "version"),
    "hello and more in the record": (lambda p: p.send(
        HANDSHAKE, p.hello() + p.hello()), UNEXPECTED, "unexpected"),
    "fragment length of 6": (lambda p: p.say(p.hello(extension(1, b"\6"))),
                             ILLEGAL, "fragment"),
    "renegotiation that was never agreed": (lambda p: p.say(
        p.hello().replace(extension(0xff01, b"\0"),
                          extension(0xff01, b"\0")[:-1] + b"\7")),
        FAILURE, "renegotiation"),
    "extended master secret with something in it": (lambda p: p.say(
        p.hello(extension(EMS, b"x"))), DECODE, "malformed"),
    # both sides have agreed on it, the client's keys are others
    "extended master secret forgotten": (forgotten, BAD_MAC, "forged"),
    # in the place of a key exchange
    "two hellos": (two_hellos, UNEXPECTED, "unexpected"),
    "certificate that nobody asked for": (second(handshake(
        CERTIFICATE, b"\0\0\0")), UNEXPECTED, "unexpected"),
    "early Finished": (second(handshake(FINISHED, bytes(12))), UNEXPECTED,
                       "unexpected"),
    "early change": (early_change, UNEXPECTED, "unexpected"),
    "early data": (second(plain(DATA, REQUEST)), UNEXPECTED, "unexpected"),
    "fatal alert second": (second(plain(ALERT, bytes([FATAL, 42]))), None,
                           "does not take our certificate"),
    "close_notify second": (second(plain(ALERT, bytes([
        WARNING, CLOSE_NOTIFY]))), None, "closed the connection"),
    "another version": (second(plain(HANDSHAKE, b"x", version=b"\3\1")),
                        VERSION, "another version"),
    "key exchange of nothing": (key_exchange(lambda b: b""), DECODE,
                                "malformed"),
    "key exchange that is cut": (key_exchange(lambda b: b[:20]), DECODE,
                                 "malformed"),
    "key exchange with more behind": (key_exchange(lambda b: b + b"x"),
                                      DECODE, "malformed"),
    # any point gives some key: nothing is told before Finished
    "point of zeros": (key_exchange(lambda b: vector(1, bytes(32))),
                       BAD_MAC, "forged"),
    "point that is too short": (key_exchange(lambda b: vector(1, b"x")),
                                BAD_MAC, "forged"),
    "point of 255 bytes": (key_exchange(lambda b: vector(1, bytes(255))),
                           BAD_MAC, "forged"),
    # ChangeCipherSpec and Finished
    "two key exchanges": (two_key_exchanges, UNEXPECTED, "unexpected"),
    "no change": (without_change, UNEXPECTED, "unexpected"),
    "change twice": (change_twice, OVERFLOW, "length"),
    "change of two bytes": (second(lambda p: p.say(p.key_exchange()),
                                   plain(CCS, b"\1\1")), UNEXPECTED,
                            "ChangeCipherSpec"),
    "change to two": (second(lambda p: p.say(p.key_exchange()),
                             plain(CCS, b"\2")), UNEXPECTED,
                      "ChangeCipherSpec"),
    "change within a message": (change_in_a_message, UNEXPECTED,
                                "unexpected"),
    "data before Finished": (third(plain(DATA, REQUEST)), UNEXPECTED,
                             "unexpected"),
    "fatal alert third": (third(plain(ALERT, bytes([FATAL, 51]))), None,
                          "client refused"),
    "close_notify third": (third(plain(ALERT, bytes([
        WARNING, CLOSE_NOTIFY]))), None, "closed the connection"),
    "Finished, wrong": (finished(lambda m: m[:-1] + bytes([m[-1] ^ 1])),
                        DECRYPT, "wrong Finished"),
    "Finished, all zeros": (finished(lambda m: m[:4] + bytes(12)), DECRYPT,
                            "wrong Finished"),
    "Finished, short": (finished(lambda m: message(FINISHED, m[4:-1])),
                        DECODE, "malformed"),
    "Finished, long": (finished(lambda m: message(FINISHED, m[4:] + b"x")),
                       DECODE, "malformed"),
    "Finished, of nothing": (finished(lambda m: message(FINISHED, b"")),
                             DECODE, "malformed"),
    "Finished, another message": (finished(lambda m: b"\1" + m[1:]),
                                  UNEXPECTED, "unexpected"),
}
CONNECTED = {
    # tags, sequence
    **{f"bent at {at}": (bent(at), BAD_MAC, "forged")
       for at in (0, 5, 6, 20, -17, -16, -1)},
    "skipped": (skipped, BAD_MAC, "forged"),
    "repeated": (repeated, BAD_MAC, "forged"),
    "swapped": (swapped, BAD_MAC, "forged"),
    "other version": (bent(2), VERSION, "another version"),
    # sizes: a tag is 16 bytes
    "0 bytes": (last(sized(0)), OVERFLOW, "length"),
    "15 bytes": (last(sized(15)), OVERFLOW, "length"),
    "16 bytes": (last(sized(16)), BAD_MAC, "forged"),
    "16400 bytes": (last(sized(16400)), BAD_MAC, "forged"),
    "16401 bytes": (last(sized(16401)), OVERFLOW, "length"),
    "65535 bytes": (last(sized(65535)), OVERFLOW, "length"),
    # what is not sealed any more
    "unsealed data": (unsealed(DATA, REQUEST), BAD_MAC, "forged"),
    "unsealed alert": (unsealed(ALERT, bytes([FATAL, 40])), OVERFLOW,
                       "length"),
    # messages
    "change": (last(plain(CCS, b"\1")), UNEXPECTED, "unexpected"),
    "HelloRequest": (last(plain(HANDSHAKE, message(HELLO_REQUEST, b""))),
                     UNEXPECTED, "unexpected"),
    "Finished again": (last(plain(HANDSHAKE, message(FINISHED, bytes(12)))),
                       UNEXPECTED, "unexpected"),
    "key exchange": (last(plain(HANDSHAKE, message(
        CLIENT_KEY_EXCHANGE, bytes(33)))), UNEXPECTED, "unexpected"),
    "unknown type": (last(plain(99, b"x")), UNEXPECTED, "unexpected"),
    "heartbeat": (last(plain(24, b"\1\xff\xff")), UNEXPECTED, "unexpected"),
    # alerts
    "fatal alert": (last(plain(ALERT, bytes([FATAL, 80]))), None,
                    "client refused"),
    "alert of another level": (last(plain(ALERT, bytes([3, 80]))), None,
                               "client refused"),
}


def check_refused(peer, case, number, message_of, words):
    p = peer()
    begin = time.monotonic()
    try:
        case(p)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused before all was said
    alerts = p.alerts()
    assert time.monotonic() - begin < 8, "it hangs"
    if number is None:
        assert all(a == (WARNING, CLOSE_NOTIFY) for a in alerts), alerts
    else:
        assert alerts == [(FATAL, number)]
    told, = wait_for("the log", lambda: events(peer.server, message_of))
    assert re.search(words, told["why"]), told
    assert handshake_errors(peer.server) == (message_of == FAILED)
    expect_good(peer)


@pytest.mark.parametrize("what", R)
def test_refused_in_the_handshake(what, peer):
    case, number, words = R[what]
    check_refused(peer, case, number, FAILED, words)


@pytest.mark.parametrize("what", CONNECTED)
def test_refused_after_it(what, peer):
    case, number, words = CONNECTED[what]
    check_refused(peer, case, number, BROKEN, words)


# --- ends -------------------------------------------------------------------

def test_close_notify_is_answered(peer):
    p = peer().greet()
    p.send(ALERT, bytes([WARNING, CLOSE_NOTIFY]))
    assert p.alerts() == [(WARNING, CLOSE_NOTIFY)]
    assert events(peer.server, BROKEN) == []
    expect_good(peer)


def test_data_behind_close_notify_is_not_heard(peer):
    p = peer().greet()
    p.send(ALERT, bytes([WARNING, CLOSE_NOTIFY]))
    try:
        p.send(DATA, post(payload(alert("Ghost"))))
    except OSError:
        pass
    expect_good(peer)


def test_half_an_alert_waits_for_the_rest(peer):
    p = peer().greet()
    p.send(ALERT, bytes([WARNING]))
    ask(p)
    p.send(ALERT, bytes([CLOSE_NOTIFY]))
    assert p.alerts() == [(WARNING, CLOSE_NOTIFY)]


def test_whole_handshake_cut_at_each_byte(peer):
    """And the end of the connection behind it: nothing is said but what was
    said until then, nobody waits, all is counted."""
    def flights(p):
        p.start()
        m = p.key_exchange()
        yield p.record(HANDSHAKE, m)
        p.transcript += m
        yield p.record(CCS, b"\1")
        p.writing = p.mine
        yield p.record(HANDSHAKE, p.finished())

    size = len(b"".join(flights(peer())))
    before = handshake_errors(peer.server)
    for n in range(size):
        p = peer()
        p.connection.send(b"".join(flights(p))[:n])
        end(p.connection)
        assert p.alerts() == [], n
    wait_for("all counted",
             lambda: handshake_errors(peer.server) >= before + size)
    expect_good(peer)


@pytest.mark.parametrize("n", [1, 40, 5000])
def test_message_that_never_ends_meets_the_deadline(n, peer):
    """Its length says that more is to come."""
    p = peer()
    begin = time.monotonic()
    p.say(p.hello(extension(21, bytes(n)))[:-n])
    p.alerts()
    assert 8 < time.monotonic() - begin < 30
    assert any(e["why"] == "it took too long" for e in failures(peer.server))
    expect_good(peer)


def test_what_was_not_read_when_the_server_ends_is_thrown_away(peer):
    """An alert is refused in the midst of a record: nobody asks for the rest of
    it, and still the peer's close_notify behind it is heard. It was not, and
    the server looked for it without a pause until its deadline."""
    p = peer().greet()
    data = head("POST /webhook HTTP/1.1", "Host: bell",
                "Content-Type: application/json", "Content-Length: 900000")
    data += b'{"alerts":[{"labels":{"alertname":"'
    data = data.ljust(2 * 16384, b"x") + b"x" * 100 + b"\x01"
    for at in range(0, 3 * 16384, 16384):
        p.send(DATA, data[at:at + 16384].ljust(16384, b"x"))
    assert p.answer().startswith(b"HTTP/1.1 400 ")
    p.send(DATA, b"and more")
    p.send(ALERT, bytes([WARNING, CLOSE_NOTIFY]))
    assert p.alerts() == [(WARNING, CLOSE_NOTIFY)]
    wait_for("the connection to be gone, not at its deadline", lambda:
             peer.server.metrics()["bellwire_connections"] == 1, 1.5)
    peer.server.accepts(payload(alert("Good")))

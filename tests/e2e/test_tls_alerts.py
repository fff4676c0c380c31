"""Whoever is refused in a handshake, or breaks the connection later, hears of
it by an alert (RFC 5246 7.2), and not by a reset."""
import re
import ssl
import subprocess

import pytest

from helpers import alert, get, payload, post, wait_for
from test_tls_clients import REFUSED_CLIENTS
from tls_helpers import (Wire, alerts_in, context, end, events,
                         expect_refused, failures, handshake_errors, pki,
                         records_of, secure, start_tls)

PROTOCOL_VERSION, HANDSHAKE_FAILURE = 70, 40
UNEXPECTED_MESSAGE, DECODE_ERROR = 10, 50
BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE, EXPIRED = 42, 43, 45
UNKNOWN_CA, ACCESS_DENIED, RECORD_OVERFLOW = 48, 49, 22
ILLEGAL_PARAMETER, DECRYPT_ERROR, BAD_RECORD_MAC = 47, 51, 20


def read_all(connection):
    """Up to an end in order: a reset is an error."""
    got = b""
    while more := connection.socket.recv(65536):
        got += more
    return got


def last_words(server, tls):
    """What the server says in the clear to a client that goes on with its
    handshake as far as it gets."""
    wire, got = Wire(tls), b""
    with server.raw() as c:
        try:
            out, done = wire.flight()
            while not done:
                c.send(out)
                more = c.socket.recv(65536)
                if not more:
                    return got
                got += more
                out, done = wire.flight(more)
        except ssl.SSLError:
            pass
        return got + read_all(c)


# --- versions, suites and what is no TLS ------------------------------------

V = ssl.TLSVersion
HELLOS = {
    "TLS 1.0": (dict(versions=(V.TLSv1, V.TLSv1)), PROTOCOL_VERSION,
                "does not offer TLS 1.2"),
    "TLS 1.1": (dict(versions=(V.TLSv1_1, V.TLSv1_1)), PROTOCOL_VERSION,
                "does not offer TLS 1.2"),
    "TLS 1.3 alone": (dict(versions=(V.TLSv1_3, V.TLSv1_3)),
                      HANDSHAKE_FAILURE, "no common"),
    "no shared suite": (dict(versions=(V.TLSv1_2, V.TLSv1_2),
                             ciphers="ECDHE-ECDSA-AES128-SHA"),
                        HANDSHAKE_FAILURE, "no common"),
    "another protocol": (dict(alpn=["h2"]), 120, "http/1.1"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("what", HELLOS)
def test_hello(what, start_tls, pki):
    how, number, words = HELLOS[what]
    how.setdefault("ciphers", "DEFAULT")
    how["ciphers"] += ":@SECLEVEL=0"
    server = start_tls()
    assert alerts_in(last_words(server, context(pki, **how))) == [number]
    expect_refused(server, words)


def hello(pki):
    return Wire(context(pki)).flight()[0]


def with_length(n):
    return lambda pki: b"\x16\x03\x01" + n.to_bytes(2, "big") + b"x" * 40


# bytes, alert, words
FIRST_BYTES = {
    "zeros": (lambda pki: bytes(1000), PROTOCOL_VERSION, "not TLS$"),
    "ones": (lambda pki: b"\xff" * 1000, PROTOCOL_VERSION, "not TLS$"),
    "SSH": (lambda pki: b"SSH-2.0-OpenSSH_9.2\r\n" * 9, PROTOCOL_VERSION,
            "not TLS$"),
    "SSL 2": (lambda pki: b"\x80\x2e\x01\x00\x02" + bytes(41),
              PROTOCOL_VERSION, "not TLS$"),
    "PROXY v1": (lambda pki: b"PROXY TCP4 10.0.0.1 10.0.0.2 5 443\r\n" +
                 hello(pki), UNEXPECTED_MESSAGE, "PROXY protocol"),
    "PROXY v2": (lambda pki: b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" +
                 bytes(12) + hello(pki), UNEXPECTED_MESSAGE,
                 "PROXY protocol"),
    "record too long": (with_length(16385), RECORD_OVERFLOW,
                        "wrong length"),
    "two versions": (lambda pki: b"\x16\x03\x01\0\1\1\x16\x03\x02\0\1\1" +
                     bytes(200), PROTOCOL_VERSION, "another version"),
    "application data": (lambda pki: b"\x17\x03\x01\0\5hello" + bytes(200),
                         UNEXPECTED_MESSAGE, "unexpected"),
    "ChangeCipherSpec": (lambda pki: b"\x14\x03\x01\0\1\1" + hello(pki),
                         UNEXPECTED_MESSAGE, "unexpected"),
    "another message": (lambda pki: b"\x16\x03\x01\0\4\x10\0\0\0" +
                        hello(pki), UNEXPECTED_MESSAGE, "unexpected"),
    "two hellos": (lambda pki: hello(pki) + b"\x16\x03\x03" +
                   hello(pki)[3:], UNEXPECTED_MESSAGE, "unexpected"),
    "hello of nothing": (lambda pki: b"\x16\x03\x01\0\4\1\0\0\0" +
                         bytes(200), DECODE_ERROR, "malformed"),
}


@pytest.mark.parametrize("what", FIRST_BYTES)
def test_first_bytes(what, start_tls, pki):
    make, number, words = FIRST_BYTES[what]
    server = start_tls()
    with server.raw() as c:
        c.send(make(pki))
        got = read_all(c)
    assert alerts_in(got) == [number]
    expect_refused(server, words)
    server.accepts(payload(alert()))


@pytest.mark.parametrize("request_of", [
    lambda: get("/-/healthy"), lambda: post(payload(alert())),
    lambda: b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    lambda: b"PUT /webhook HTTP/1.1\r\nHost: x\r\n\r\n",
    lambda: b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"],
    ids=["GET", "POST", "HEAD", "PUT", "OPTIONS"])
def test_plain_http(request_of, start_tls):
    """It hears in its own language what is wrong."""
    server = start_tls()
    with server.raw() as c:
        c.send(request_of())
        got = read_all(c)
    assert got.startswith(b"HTTP/1.1 400 ") and b"https" in got
    expect_refused(server, "^plain HTTP on a port that speaks TLS$")
    assert server.lines() == []
    server.accepts(payload(alert()))


# bytes to a port without TLS, words
STRANGERS = {
    "TLS": (hello, "the client speaks TLS"),
    "TLS, a byte": (lambda pki: b"\x16", "the client speaks TLS"),
    "PROXY v1": (lambda pki: b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n" +
                 post(payload(alert())), "PROXY protocol"),
    "PROXY v2": (lambda pki: b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" +
                 bytes(12) + post(payload(alert())), "PROXY protocol"),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_stranger_on_a_plain_port(what, server, pki):
    make, words = STRANGERS[what]
    with server.connect() as c:
        c.send(make(pki))
        answer = c.answer()
    assert answer.status == 400 and words in answer.text()
    told = wait_for("the log", lambda: events(server, "request refused"))
    assert words in told[0]["at"], told
    assert server.lines() == []


# --- client certificates ----------------------------------------------------

NUMBERS = {
    "none": HANDSHAKE_FAILURE, "self-signed": UNKNOWN_CA,
    "self-signed with the CA's name": UNKNOWN_CA, "other CA": UNKNOWN_CA,
    "another CA of the same name": UNKNOWN_CA,
    "a client's certificate as CA": UNKNOWN_CA, "expired": EXPIRED,
    "not yet valid": EXPIRED, "for servers": UNSUPPORTED_CERTIFICATE,
    "for mail and time": UNSUPPORTED_CERTIFICATE,
    "the server's own": UNSUPPORTED_CERTIFICATE,
    "key not for signatures": UNSUPPORTED_CERTIFICATE,
    "Ed25519": HANDSHAKE_FAILURE,
    "issuer with Ed25519": UNSUPPORTED_CERTIFICATE,
    "critical unknown extension": UNSUPPORTED_CERTIFICATE,
    "nine certificates": BAD_CERTIFICATE,
    "16 KiB of certificates": BAD_CERTIFICATE,
    "RSA of 1024 bits": UNSUPPORTED_CERTIFICATE,
}


def alert_for_client(server, pki, pair):
    tls = context(pki, ciphers="DEFAULT@SECLEVEL=0")
    if pair:
        tls.load_cert_chain(pair.cert, pair.key)
    return alerts_in(last_words(server, tls))


@pytest.mark.parametrize("which", REFUSED_CLIENTS)
def test_client(which, start_tls, pki):
    make, words = REFUSED_CLIENTS[which]
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    assert alert_for_client(server, pki, make(pki)) == [NUMBERS[which]]
    expect_refused(server, words)


def test_client_of_another_name(start_tls, pki):
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       "--tls-client-name", "somebody-else")
    assert alert_for_client(server, pki, pki.client()) == [ACCESS_DENIED]
    wait_for("the log", lambda: failures(server))


@pytest.mark.parametrize("which, number", [
    ("other CA", UNKNOWN_CA), ("expired", EXPIRED),
    ("none", HANDSHAKE_FAILURE)])
def test_s_client_names_the_alert(which, number, start_tls, pki):
    """What a person sees who tries it by hand."""
    server = start_tls("--tls-client-ca", str(pki.ca.cert))
    pair = REFUSED_CLIENTS[which][0](pki)
    p = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
         *(["-cert", str(pair.cert), "-key", str(pair.key)] if pair else [])],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert f"SSL alert number {number}\n".encode() in p.stderr, p.stderr


def test_s_client_of_an_older_version_names_the_alert(start_tls):
    """The record that it stands in has a version, too."""
    server = start_tls()
    p = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
         "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert b"SSL alert number 70\n" in p.stderr, p.stderr


# --- after the handshake ----------------------------------------------------

def bent(record):
    return record[:-1] + bytes([record[-1] ^ 1])


BROKEN = {
    "forged": (bent, "BAD_RECORD_MAC", "damaged or forged"),
    "other version": (lambda r: r[:2] + b"\1" + r[3:], "PROTOCOL_VERSION",
                      "another version"),
    "too long": (lambda r: b"\x17\x03\x03\xff\xff" + bytes(400),
                 "RECORD_OVERFLOW", "length|large"),
    "too short": (lambda r: b"\x17\x03\x03\0\1" + bytes(400),
                  "RECORD_OVERFLOW", "length"),
    "unknown type": (lambda r: b"\x2a" + r[1:], "BAD_RECORD_MAC", "forged"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_record(what, start_tls, pki):
    bend, name, words = BROKEN[what]
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        wire.greet(c)
        wire.seal(get("/-/healthy"))  # lost
        c.send(bend(wire.seal(post(payload(alert())))) + bytes(10_000))
        with pytest.raises(ssl.SSLError, match=f"ALERT_{name}"):
            wire.open(c)
        assert read_all(c) == b""
    told = wait_for("the log", lambda: events(server, "TLS connection failed"))
    assert re.search(words, told[0]["why"]), told
    assert handshake_errors(server) == 0
    assert server.lines() == []


# --- the lingering is bounded -----------------------------------------------

def test_who_goes_on_sending_is_closed(start_tls):
    """32 KiB are thrown away, then the connection."""
    server = start_tls()
    with server.raw() as c:
        c.send(bytes(5))
        assert alerts_in(c.socket.recv(100)) == [PROTOCOL_VERSION]
        with pytest.raises(OSError):
            for _ in range(1000):
                c.send(bytes(65536))
    wait_for("gone", lambda: server.metrics()["bellwire_connections"] == 1)


def test_who_stays_is_closed(start_tls):
    """After two seconds, and without use of the CPU till then."""
    server = start_tls()
    with server.raw() as c:
        c.send(bytes(5))
        assert alerts_in(read_all(c)) == [PROTOCOL_VERSION]
        assert server.metrics()["bellwire_connections"] == 2
        wait_for("gone", lambda: server.metrics()["bellwire_connections"] == 1)


def test_first_look_at_the_port_after_a_good_client_is_no_error(start_tls):
    """Of a slot that has been used before."""
    server = start_tls()
    for _ in range(3):
        server.accepts(payload(alert()))
    for _ in range(3):
        with server.raw() as c:
            end(c)
            assert read_all(c) == b""
    assert handshake_errors(server) == 0
    assert failures(server) == []

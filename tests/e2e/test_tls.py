"""Certificates and keys at start, what is agreed on in a handshake, and the
build without TLS."""
import os
import re
import signal
import ssl
import subprocess
from pathlib import Path

import pytest

from helpers import alert, get, group, payload, post, run, wait_for
from tls_helpers import (EC_KINDS, FOR_SERVERS, HAS_AES, KINDS, LAST_YEAR,
                         LATER, LONG_AGO, NEXT_AGE, Pair, TlsClient, Wire,
                         alerts_in, context, ends_with_2, events,
                         expect_refused, failures, handshake_errors, pki,
                         read_to_end, secure, sockets_of, start_tls)

ROOT = Path(__file__).resolve().parents[2]


# --- files at start ---------------------------------------------------------

def traditional(pki, kind):
    """PKCS#1 or SEC1, the latter with EC PARAMETERS in front."""
    text = pki.openssl("pkey", "-in", pki.key(kind), "-traditional")
    if kind in EC_KINDS:
        curve = {"p256": "prime256v1", "p384": "secp384r1"}[kind]
        text = pki.openssl("ecparam", "-name", curve) + text
        assert b"BEGIN EC PRIVATE KEY" in text
    else:
        assert b"BEGIN RSA PRIVATE KEY" in text
    return text


def crlf(text):
    return text.replace(b"\n", b"\r\n")


FORMS = {
    "PKCS#8": lambda pki, kind: pki.key(kind).read_bytes(),
    "traditional": traditional,
    "traditional, CRLF, no last newline":
        lambda pki, kind: crlf(traditional(pki, kind)).rstrip(),
    "PKCS#8, CRLF": lambda pki, kind: crlf(pki.key(kind).read_bytes()),
    "PKCS#8, no last newline":
        lambda pki, kind: pki.key(kind).read_bytes().rstrip(),
    "with its certificates": lambda pki, kind:
        pki.server(kind).cert.read_bytes() + traditional(pki, kind),
    "text around": lambda pki, kind: b"Bag Attributes\n    name: x\n" +
        pki.key(kind).read_bytes() + b"\nand more\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_key_forms(kind, form, pki):
    name = f"form-{kind}-{list(FORMS).index(form)}.key"
    key = pki.write(name, FORMS[form](pki, kind))
    p = run("check", "--tls-cert", str(pki.server(kind).cert), "--tls-key",
            str(key))
    assert p.returncode == 0, p
    assert b"others can read" not in p.stderr


@pytest.mark.parametrize("change", [
    crlf, lambda t: t.rstrip(), lambda t: crlf(t).rstrip(),
    lambda t: b"subject=x\n" + t, lambda t: crlf(t) + b"\r\n\r\n"])
def test_certificate_forms(change, start_tls, pki):
    cert = pki.write("form.pem", change(pki.server().cert.read_bytes()))
    server = start_tls(pair=Pair(cert, pki.server().key))
    server.accepts(payload(alert()))


def test_one_file_for_both(start_tls, pki):
    both = pki.write("both.pem", pki.server("rsa2048").key.read_bytes() +
                     pki.server("rsa2048").cert.read_bytes())
    server = start_tls(pair=Pair(both, both))
    server.accepts(payload(alert()))


def middle_ca(pki, number):
    return pki.issue(f"server-ca-{number}", serial=30 + number,
                     subject=f"/CN=Server CA {number}",
                     extensions=["basicConstraints=critical,CA:TRUE",
                                 "keyUsage=critical,keyCertSign"],
                     ca=middle_ca(pki, number - 1) if number > 1 else None)


@pytest.mark.parametrize("length", [1, 3, 7])
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_chains(length, kind, start_tls, pki):
    leaf = pki.issue(f"leaf-{kind}-{length}", kind, ca=middle_ca(pki, length),
                     extensions=FOR_SERVERS)
    certs = [leaf] + [middle_ca(pki, n) for n in range(length, 0, -1)]
    chain = pki.write(f"chain-{kind}-{length}.pem",
                      b"".join(c.cert.read_bytes() for c in certs))
    server = start_tls(pair=Pair(chain, leaf.key))
    server.accepts(payload(alert()))
    alone = start_tls(pair=leaf)
    with pytest.raises(ssl.SSLCertVerificationError):
        alone.connect()


def cut_in_half(text):
    """In the middle, and there within a group of four letters."""
    return text[:text.index(b"\n", len(text) // 2) + 7]


def der_cut(pki):
    """PEM is whole, what it holds is not."""
    der = pki.openssl("x509", "-in", pki.server().cert, "-outform", "DER")
    return pem("CERTIFICATE", der[:-40])


def pem(name, der):
    import base64
    text = base64.encodebytes(der).replace(b"\n", b"")
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN %s-----" % name.encode(), *lines,
                       b"-----END %s-----" % name.encode(), b""])


def encrypted(pki, *how):
    return pki.openssl("pkey", "-in", pki.key("rsa2048"), *how, "-aes256",
                       "-passout", "pass:secret")


# option, content, words
WRONG_FILES = {
    "empty certificate": ("--tls-cert", lambda pki: b"", "certificate"),
    "garbage certificate": ("--tls-cert", lambda pki: bytes(range(256)) * 9,
                            "PEM"),
    "DER certificate": ("--tls-cert", lambda pki: pki.openssl(
        "x509", "-in", pki.server().cert, "-outform", "DER"), "PEM"),
    "key as certificate": ("--tls-cert", lambda pki:
                           pki.server().key.read_bytes(), "certificate"),
    "cut certificate": ("--tls-cert", lambda pki: cut_in_half(
        pki.server().cert.read_bytes()), "cut"),
    "cut certificate, CRLF": ("--tls-cert", lambda pki: cut_in_half(
        crlf(pki.server().cert.read_bytes())), "cut"),
    "cut chain": ("--tls-cert", lambda pki: pki.server().cert.read_bytes() +
                  cut_in_half(pki.ca.cert.read_bytes()), "cut"),
    "cut DER": ("--tls-cert", der_cut, "read|cut|malformed"),
    "chain with garbage": ("--tls-cert", lambda pki:
                           pki.server().cert.read_bytes() +
                           pem("CERTIFICATE", b"garbage" * 40),
                           "read|malformed"),
    "bad base64": ("--tls-cert", lambda pki: pki.server().cert.read_bytes()
                   .replace(b"\nMII", b"\nM*I"), "PEM"),
    "nine certificates": ("--tls-cert", lambda pki:
                          pki.server().cert.read_bytes() * 9, "8 cert"),
    "Ed25519 certificate": ("--tls-cert", lambda pki: pki.issue(
        "ed-server", "ed25519").cert.read_bytes(), "Ed25519"),
    "RSA of 1024": ("--tls-cert", lambda pki: pki.issue(
        "small-server", "rsa1024").cert.read_bytes(), "2048"),
    "P-521": ("--tls-cert", lambda pki: pki.issue(
        "large-server", "p521").cert.read_bytes(), "P-384"),
    "empty key": ("--tls-key", lambda pki: b"", "key"),
    "garbage key": ("--tls-key", lambda pki: b"\xff\0garbage\n" * 100,
                    "key|PEM"),
    "certificate as key": ("--tls-key", lambda pki:
                           pki.server().cert.read_bytes(), "key"),
    "public key": ("--tls-key", lambda pki: pki.openssl(
        "pkey", "-in", pki.server().key, "-pubout"), "key"),
    "cut key": ("--tls-key", lambda pki: cut_in_half(
        pki.server().key.read_bytes()), "cut"),
    "other key": ("--tls-key", lambda pki: pki.key("p256", 9).read_bytes(),
                  "the key of the first certificate"),
    "key of other kind": ("--tls-key", lambda pki:
                          pki.key("rsa2048").read_bytes(),
                          "the key of the first certificate"),
    "key on another curve": ("--tls-key", lambda pki:
                             pki.key("p384").read_bytes(),
                             "the key of the first certificate"),
    "two keys": ("--tls-key", lambda pki: pki.server().key.read_bytes() * 2,
                 "more than one key"),
    "encrypted PKCS#8": ("--tls-key", encrypted, "encrypted"),
    "encrypted PKCS#1": ("--tls-key", lambda pki: encrypted(
        pki, "-traditional"), "encrypted"),
    "Ed25519 key": ("--tls-key", lambda pki: pki.key("ed25519").read_bytes(),
                    "RSA|Ed25519"),
    "key of garbage": ("--tls-key", lambda pki: pem(
        "PRIVATE KEY", b"garbage" * 40), "malformed"),
    "empty CA": ("--tls-client-ca", lambda pki: b"\n", "certificate"),
    "cut CA": ("--tls-client-ca", lambda pki: pki.ca.cert.read_bytes() +
               cut_in_half(pki.ca.cert.read_bytes()), "cut"),
    "garbage CA": ("--tls-client-ca", lambda pki: pem(
        "CERTIFICATE", b"garbage" * 40), "read"),
    "17 CAs": ("--tls-client-ca", lambda pki: pki.ca.cert.read_bytes() * 17,
               "16 CAs"),
    "Ed25519 CA": ("--tls-client-ca", lambda pki: pki.issue(
        "ed-ca", "ed25519", ca="self").cert.read_bytes(), "Ed25519"),
    "too large": ("--tls-client-ca", lambda pki: b"#" * 20_000, "large"),
}


def options_with(pki, option, file):
    files = {"--tls-cert": pki.server().cert, "--tls-key": pki.server().key,
             option: file}
    return [x for pair in files.items() for x in map(str, pair)]


@pytest.mark.parametrize("what", WRONG_FILES)
def test_wrong_files(what, pki):
    """One line that names the option and says what is wrong."""
    option, content, words = WRONG_FILES[what]
    file = pki.write("wrong-" + re.sub(r"\W", "-", what), content(pki))
    for command in ("check", None):
        text = ends_with_2(*options_with(pki, option, file), command=command)
        assert f"{option}:" in text
        assert re.search(words, text.replace(str(file), "")), text


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key",
                                    "--tls-client-ca"])
def test_wrong_files_are_named(option, pki):
    """With several of them in a configuration one wants to know which."""
    file = pki.write("unnamed.pem", b"nothing\n")
    text = ends_with_2(*options_with(pki, option, file))
    assert option in text and str(file) in text


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key",
                                    "--tls-client-ca"])
def test_missing_files(option, pki, tmp_path):
    for file in (tmp_path / "nothing", tmp_path, "/dev/null/x"):
        text = ends_with_2(*options_with(pki, option, file))
        assert option in text and str(file) in text


def test_options_that_belong_together(pki):
    cert, key, ca = (str(x) for x in (pki.server().cert, pki.server().key,
                                      pki.ca.cert))
    for options, words in (
            (["--tls-cert", cert], "--tls-key"),
            (["--tls-key", key], "--tls-cert"),
            (["--tls-client-ca", ca], "--tls-cert"),
            (["--tls-cert", cert, "--tls-key", key, "--tls-client-name", "x"],
             "--tls-client-ca"),
            (["--tls-cert", "", "--tls-key", key], "--tls-cert")):
        assert words in ends_with_2(*options)


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key",
                                    "--tls-client-ca"])
def test_files_cut_at_each_byte(option, pki):
    """Never a file that is taken though a byte of its content is missing, and
    never anything but exit 2."""
    text = {"--tls-cert": pki.server().cert, "--tls-key": pki.server().key,
            "--tls-client-ca": pki.ca.cert}[option].read_bytes()
    content = text.index(b"-----END")  # the line break before is of no use
    file = pki.write("cut", b"")
    options = options_with(pki, option, file)
    for n in range(0, len(text), 1 if option == "--tls-key" else 3):
        file.write_bytes(text[:n])
        p = run("check", *options)
        if p.returncode == 0:
            assert n > content, text[:n]
        else:
            assert p.returncode == 2 and option in p.stderr.decode(), n


@pytest.mark.parametrize("first, last, words", [
    (LONG_AGO, LAST_YEAR, "has expired"),
    (NEXT_AGE, LATER, "not yet valid")])
def test_dates_of_our_own_certificate_are_only_a_warning(
        first, last, words, start_tls, pki):
    pair = pki.issue("own-" + first, start=first, end=last,
                     extensions=FOR_SERVERS)
    server = start_tls(pair=pair)
    told, = events(server, "TLS certificate")
    assert told["level"] == "warn" and words in told["why"]
    assert told["file"] == str(pair.cert)
    # it is served; who checks the date says so, and we log that
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect()
    assert wait_for("the log", lambda: failures(server))[0]["why"]
    tls = context(pki)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    secure(server, tls).accepts(payload(alert()))


def test_good_certificate_is_no_warning(start_tls):
    server = start_tls()
    assert not [line for line in server.log_lines() if "level=warn" in line]


# --- what is agreed on ------------------------------------------------------

TLS12 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
SUITES = ["CHACHA20-POLY1305", "AES128-GCM-SHA256", "AES256-GCM-SHA384"]
# With instructions for AES, that is the faster one.
FIRST = "AES128-GCM-SHA256" if HAS_AES else "CHACHA20-POLY1305"
OTHERS = ["AES128-SHA", "AES256-GCM-SHA384", "AES128-GCM-SHA256",
          "AES256-SHA256", "ECDHE-{}-AES128-SHA", "ECDHE-{}-AES256-SHA384",
          "ECDHE-{}-AES128-SHA256", "ECDHE-{}-AES128-CCM",
          "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-CHACHA20-POLY1305",
          "AECDH-AES128-SHA", "ADH-AES128-GCM-SHA256", "ECDHE-{}-NULL-SHA",
          "PSK-AES128-GCM-SHA256", "ECDHE-{}-ARIA128-GCM-SHA256",
          "ECDHE-{}-CAMELLIA128-SHA256"]


def suite_of(server, tls):
    with TlsClient(server.addresses[0], tls) as c:
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
        return c.socket.cipher()[0]


@pytest.mark.parametrize("kind, name", [("rsa2048", "RSA"), ("p384", "ECDSA")])
def test_cipher_suites(kind, name, start_tls, pki):
    server = start_tls(pair=pki.server(kind))
    for suite in SUITES:
        wanted = f"ECDHE-{name}-{suite}"
        assert suite_of(server, context(pki, ciphers=wanted)) == wanted
    # the server's order, whatever the client likes best
    for order in (SUITES, SUITES[::-1]):
        ciphers = ":".join(f"ECDHE-{name}-{s}" for s in order)
        assert suite_of(server, context(pki, ciphers=ciphers)) == \
            f"ECDHE-{name}-{FIRST}"
    assert suite_of(server, context(
        pki, ciphers=f"ECDHE-{name}-AES256-GCM-SHA384:"
        f"ECDHE-{name}-AES128-GCM-SHA256")) == \
        f"ECDHE-{name}-AES128-GCM-SHA256"
    assert handshake_errors(server) == 0
    tried = 0
    other = {"RSA": "ECDSA", "ECDSA": "RSA"}[name]
    for suite in [s.format(name) for s in OTHERS] + \
            [f"ECDHE-{other}-{s}" for s in SUITES]:
        try:
            tls = context(pki, ciphers=f"{suite}:@SECLEVEL=0", versions=TLS12)
        except ssl.SSLError:
            continue  # unknown to this OpenSSL
        tried += 1
        with pytest.raises(OSError):
            TlsClient(server.addresses[0], tls)
    assert tried > 12
    assert handshake_errors(server) == tried
    assert re.search("suite", failures(server)[0]["why"])


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384", "P-521"])
def test_curves(group, start, pki):
    # RSA: OpenSSL 3.5 holds the curve of a certificate to these groups too
    server = start(*pki.server("rsa2048").options)
    p = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
         "-CAfile", str(pki.ca.cert), "-groups", group, "-tls1_2"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    # "Server", since OpenSSL 3.5 "Peer"
    assert re.search(rb"^(Server|Peer) Temp Key: .*" + {
        "X25519": b"X25519", "P-256": b"(prime256v1|P-256)",
        "P-384": b"(secp384r1|P-384)", "P-521": b"(secp521r1|P-521)"}[group],
        p.stdout, re.M), p
    assert b"Verify return code: 0 (ok)" in p.stdout


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind, name", [("rsa2048", "RSA"), ("p384", "ECDSA")])
def test_extended_master_secret(kind, name, suite, start, pki):
    """RFC 7627, with either hash, and with a certificate of the client's in
    what is hashed; clients in FIPS mode insist on it."""
    ringer = pki.client()
    server = start(*pki.server(kind).options, "--tls-client-ca",
                   str(pki.ca.cert))
    p = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
         "-CAfile", str(pki.ca.cert), "-tls1_2", "-cert", str(ringer.cert),
         "-key", str(ringer.key), "-cipher", f"ECDHE-{name}-{suite}",
         "-ign_eof"], input=get("/-/healthy", "Connection: close"),
        capture_output=True, timeout=20)
    assert b"Extended master secret: yes" in p.stdout, p
    assert b"HTTP/1.1 200 " in p.stdout
    assert len(events(server, "TLS handshake done")) == 1


OLD = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
ONLY13 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("versions", [OLD, ONLY13], ids=["old", "1.3"])
def test_other_versions_are_refused_in_words(versions, start_tls, pki):
    server = start_tls()
    tls = context(pki, ciphers="DEFAULT:@SECLEVEL=0", versions=versions)
    with server.raw() as c:
        c.send(Wire(tls).flight()[0])
        alerts = alerts_in(read_to_end(c))
    assert alerts in ([70], [40], []), alerts
    told = expect_refused(server, r"TLS 1\.2")
    assert "does not offer" in told["why"] or "no common" in told["why"]
    server.accepts(payload(alert()))


def test_newer_client_gets_1_2(start_tls, pki):
    server = start_tls()
    tls = context(pki, versions=(ssl.TLSVersion.TLSv1_2,
                                 ssl.TLSVersion.TLSv1_3))
    with TlsClient(server.addresses[0], tls) as c:
        assert c.socket.version() == "TLSv1.2"


@pytest.mark.parametrize("offered, chosen", [
    (None, None), (["http/1.1"], "http/1.1"),
    (["h2", "http/1.1"], "http/1.1"),
    (["x", "http/1.0", "http/1.1", "h3"], "http/1.1")])
def test_alpn(offered, chosen, start_tls, pki):
    server = start_tls()
    with TlsClient(server.addresses[0], context(pki, alpn=offered)) as c:
        assert c.socket.selected_alpn_protocol() == chosen
        c.send(post(payload(alert())))
        assert c.answer().status == 200
    assert handshake_errors(server) == 0


@pytest.mark.parametrize("offered", [["h2"], ["http/1.0"], ["h2", "h3"],
                                     ["http/1.1x"]])
def test_alpn_without_http_1_1(offered, start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        c.send(Wire(context(pki, alpn=offered)).flight()[0])
        assert alerts_in(read_to_end(c)) == [120]
    expect_refused(server, "does not offer http/1.1")
    server.accepts(payload(alert()))


@pytest.mark.parametrize("asks", [False, True], ids=["all", "certificates"])
def test_renegotiation_is_refused(start, pki, tmp_path, asks):
    """Also behind a request that has filled the memory in which the client's
    certificate was judged."""
    client = pki.client() if asks else None
    server = start(*pki.server().options,
                   *(("--tls-client-ca", str(pki.ca.cert)) if asks else ()))
    shown = ["-cert", client.cert, "-key", client.key] if asks else []
    said = tmp_path / "said"
    with said.open("wb") as f, subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
             "-CAfile", pki.ca.cert, "-tls1_2", *shown],
            stdin=subprocess.PIPE, stdout=f, stderr=f) as p:
        p.stdin.write(post(group(30, pad=500)))
        p.stdin.flush()
        wait_for("an answer", lambda: b"accepted 30 " in said.read_bytes())
        p.communicate(b"R\n", timeout=20)
    assert b"Secure Renegotiation IS supported" in said.read_bytes()
    assert b"RENEGOTIATING" in said.read_bytes()
    assert b"no renegotiation" in said.read_bytes()
    secure(server, context(pki, client)).accepts(payload(alert()))


def test_no_session_is_resumed(start_tls, pki):
    """And a client that asks for it gets a whole handshake."""
    server = start_tls()
    tls = context(pki)
    with TlsClient(server.addresses[0], tls) as c:
        session = c.socket.session
        assert not (session and session.has_ticket)
    plain = Wire(tls)
    if session:
        plain.tls.session = session
    with server.raw() as c:
        plain.greet(c)
        assert not plain.tls.session_reused
        c.send(plain.seal(get("/-/healthy")))
        assert plain.open(c).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("name", ["localhost", "other.example", "127.0.0.1",
                                  "a" * 63 + ".example"])
def test_sni_is_ignored(name, start_tls, pki):
    server = start_tls()
    tls = context(pki)
    tls.check_hostname = False
    with TlsClient(server.addresses[0], tls, name) as c:
        c.send(get("/-/healthy"))
        assert c.answer().status == 200


def test_ipv6_and_unix_sockets_too(start_tls, tmp_path):
    addresses = ("127.0.0.1:0", "[::1]:0", f"unix:{tmp_path}/socket")
    server = start_tls(listen=addresses)
    for address in server.addresses:
        with server.connect(address) as c:
            c.send(post(payload(alert())))
            assert c.answer().status == 200
    assert len(server.lines()) == 3


# --- a new certificate ------------------------------------------------------

def test_certificate_is_replaced_under_a_connection(start_tls, pki):
    cert = pki.write("next.pem", pki.server("rsa2048").cert.read_bytes())
    key = pki.write("next.key", pki.server("rsa2048").key.read_bytes())
    server = start_tls(pair=Pair(cert, key))

    def algorithm():
        with server.connect() as c:
            return c.socket.cipher()[0].split("-")[1]

    with server.connect() as kept:
        kept.send(post(payload(alert("A"))))
        assert kept.answer().status == 200
        assert algorithm() == "RSA"
        for n, kind in enumerate(("p256", "p384", "rsa2048", "p256"), 1):
            cert.write_bytes(pki.server(kind).cert.read_bytes())
            key.write_bytes(pki.server(kind).key.read_bytes())
            server.signal(signal.SIGHUP)
            wait_for("reload", lambda: len(events(server, "reloaded")) == n)
            assert algorithm() == ("RSA" if kind == "rsa2048" else "ECDSA")
            kept.send(post(payload(alert("B"))))
            assert kept.answer().status == 200
    assert len(server.lines()) == 5
    assert handshake_errors(server) == 0


def read_pair(pki, name):
    pair = pki.server("p256")
    return Pair(pki.write(f"{name}.pem", pair.cert.read_bytes()),
                pki.write(f"{name}.key", pair.key.read_bytes()))


def replace_pair(pki, pair, kind):
    pair.cert.write_bytes(pki.server(kind).cert.read_bytes())
    pair.key.write_bytes(pki.server(kind).key.read_bytes())


def algorithm_of(server):
    with server.connect() as c:
        return c.socket.cipher()[0].split("-")[1]


def reloads(server, n):
    return len(events(server, "reloaded")) == n


def test_handshakes_under_way_end_with_the_keys_they_began_with(start_tls, pki):
    """At each of its steps: connected, and with the server's first flight
    read. New connections see the new certificate at once."""
    pair = read_pair(pki, "midway")
    server = start_tls(pair=pair)
    before = sockets_of(server)
    peers = [(server.raw(), Wire(context(pki))) for _ in range(20)]
    flights = []
    for i, (c, wire) in enumerate(peers):
        if i % 2:
            flights.append(wire.second_flight(c))
        else:
            out, _ = wire.flight()
            c.send(out[:7])
            flights.append(out[7:])
    wait_for("all of them", lambda: sockets_of(server) == before + 20)
    replace_pair(pki, pair, "rsa2048")
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: reloads(server, 1))
    assert algorithm_of(server) == "RSA"
    for (c, wire), flight in zip(peers, flights):
        c.send(flight)
        wire.finish(c)
        c.send(wire.seal(post(payload(alert("A")))))
        assert b" 200 OK" in wire.open(c)
        assert wire.tls.cipher()[0].split("-")[1] == "ECDSA"
        c.close()
    assert handshake_errors(server) == 0


def test_a_second_reload_waits_for_the_handshakes_of_before(start_tls, pki):
    pair = read_pair(pki, "twice")
    server = start_tls(pair=pair)
    c, wire = server.raw(), Wire(context(pki))
    flight = wire.second_flight(c)
    for n, kind in enumerate(("rsa2048", "p384"), 1):
        replace_pair(pki, pair, kind)
        server.signal(signal.SIGHUP)
        wait_for("the first reload", lambda: reloads(server, 1))
        assert algorithm_of(server) == "RSA"
    assert reloads(server, 1)
    c.send(flight)
    wait_for("the second reload", lambda: reloads(server, 2))
    assert algorithm_of(server) == "ECDSA"
    c.close()


# --- without TLS ------------------------------------------------------------

@pytest.fixture(scope="module", autouse=True)
def without_tls(request, tmp_path_factory):
    """The folder of such a build, which goes on beside the other tests."""
    if not any(i.name == "test_build_without_tls"
               for i in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("without-tls")
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "TLS")}
    build = subprocess.Popen(
        ["nice", "make", "-s", "-j2", "TLS=0", f"O={folder}"], cwd=ROOT,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=env,
        start_new_session=True)
    try:
        yield folder, build
    finally:
        if build.poll() is None:
            os.killpg(build.pid, signal.SIGKILL)
            build.wait()


def test_build_without_tls(without_tls, pki):
    folder, build = without_tls
    assert build.wait(300) == 0
    binary = folder / "bellwire"
    names = subprocess.run(["nm", str(folder / "bellwire.debug")], text=True,
                           capture_output=True, check=True).stdout
    found = set(re.findall(r"\bbr_\w+", names))
    # SHA-256 for tokens is all that stays
    assert not [n for n in found
                if re.match(r"br_(ssl|x509|rsa|ec|pem|skey|aes|ghash)", n)]
    assert b"CERTIFICATE" not in binary.read_bytes()

    def ask(*options):
        return subprocess.run([str(binary), *options], capture_output=True,
                              timeout=20, text=True)

    p = ask(*pki.server().options)
    assert p.returncode == 2 and p.stdout == ""
    assert "--tls-cert" in p.stderr and "without TLS" in p.stderr
    assert p.stderr.count("\n") == 1
    assert ask("check", *pki.server().options).returncode == 2
    p = ask("version")
    assert "tls=no" in p.stdout and "BearSSL" not in p.stdout
    assert ask("check").returncode == 0
    with_tls = Path(os.environ.get("BELLWIRE", ROOT / "build/bellwire"))
    assert binary.stat().st_size < with_tls.stat().st_size - 50_000

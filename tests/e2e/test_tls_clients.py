"""Who comes by TLS: real peers with each kind of key, clients with good and
bad certificates, and clients that send what no client should."""
import fcntl
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time
import urllib.request

import pytest

from helpers import (DEADLINE, Server, alert, get, group, head, names_in,
                     padded, payload, post, told_of, wait_for)
from tls_helpers import (FOR_CLIENTS, HAS_AES, KINDS, LAST_YEAR, LATER,
                         LONG_AGO, NEXT_AGE, TlsClient, Wire, alerts_in,
                         context, end, events, expect_refused, failures,
                         handshake_errors, pki, read_to_end, records_of,
                         secure, sockets_of, start_tls)

TWELVE_MB = 12_000_000


def command(*args, stdin=b"", env=None):
    return subprocess.run([str(a) for a in args], input=stdin, env=env,
                          capture_output=True, timeout=60)


# --- what takes time goes on beside the rest --------------------------------

class Waiters:
    """Handshakes that never end: begun first, looked at last."""

    def __init__(self, server, hello):
        self.server = server
        self.took = {}
        self.threads = [
            threading.Thread(target=self._wait, args=a, daemon=True)
            for a in (("silent", b"", b""), ("half", hello[:60], b""),
                      ("drip", b"", hello))]
        for t in self.threads:
            t.start()

    def _wait(self, name, first, drip):
        begin = time.monotonic()
        with self.server.raw() as c:
            c.send(first)
            c.socket.settimeout(0.5)
            while True:
                try:
                    if c.socket.recv(1000) == b"":
                        break
                except TimeoutError:
                    if drip:
                        c.send(drip[:1])
                        drip = drip[1:]
                except OSError:
                    break
                if time.monotonic() - begin > 60:
                    break
        self.took[name] = time.monotonic() - begin

    def join(self):
        for t in self.threads:
            t.join(90)
        return self.took


class Sender:
    """A real Alertmanager with a receiver for each of many bellwires."""

    def __init__(self, folder, receivers):
        folder.mkdir()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        listener.close()
        routes = [{"receiver": n, "continue": True} for n in receivers]
        config = {
            "route": {"receiver": "none", "group_by": ["..."],
                      "group_wait": "10ms", "group_interval": "1s",
                      "repeat_interval": "1h", "routes": routes},
            "receivers": [{"name": "none"}] + [
                {"name": n, "webhook_configs": [
                    {"url": url, "http_config": http}]}
                for n, (url, http) in receivers.items()]}
        (folder / "alertmanager.yml").write_text(json.dumps(config))
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager",
                 f"--config.file={folder}/alertmanager.yml",
                 f"--storage.path={folder}/data",
                 "--cluster.listen-address=",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.told = False

    def tell(self):
        """Posts an alert to its API, once it listens."""
        alerts = [{"labels": {"alertname": "Door", "severity": "critical"},
                   "annotations": {"summary": "someone rings"}}]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts",
            json.dumps(alerts).encode(), {"Content-Type": "application/json"})

        def once():
            assert self.process.poll() is None, self.log.read_text()
            try:
                return urllib.request.urlopen(request, timeout=10).status
            except OSError:
                return None
        assert self.told or wait_for("Alertmanager", once, 60) == 200
        self.told = True

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module", autouse=True)
def beside(pki, tmp_path_factory):
    """Alertmanager and the slow handshakes, begun before the first test."""
    folder = tmp_path_factory.mktemp("beside")
    ringer = pki.client()
    token = pki.write("am.token", "rin-tin-tin\n")
    basic = pki.write("am.basic", "bob:s3cret:colon\n")
    servers, receivers = {}, {}

    def add(name, pair, options, tls=(), **http):
        s = Server(folder / name, *pair.options, *options)
        servers[name] = s
        receivers[name] = (
            f"https://127.0.0.1:{s.port}/webhook",
            {"tls_config": {"ca_file": str(pki.ca.cert), **dict(tls)}, **http})

    with_client = ("--tls-client-ca", str(pki.ca.cert), "--tls-client-name",
                   "ringer")
    shown = {"cert_file": str(ringer.cert), "key_file": str(ringer.key)}
    sender = None
    try:
        for kind in KINDS:
            add(kind, pki.server(kind), with_client, tls=shown)
        add("bearer", pki.server(), ("--auth-token-file", str(token)),
            authorization={"credentials": "rin-tin-tin"})
        add("basic", pki.server(), ("--auth-basic-file", str(basic)),
            basic_auth={"username": "bob", "password": "s3cret:colon"})
        sender = Sender(folder / "alertmanager", receivers)
        slow = secure(Server(folder / "slow", *pki.server().options),
                      context(pki))
        servers["slow"] = slow
        hello, _ = Wire(context(pki)).flight()
        yield {"servers": servers, "sender": sender, "slow": slow,
               "waiters": Waiters(slow, hello)}
        for s in servers.values():
            s.stop()
    finally:
        if sender:
            sender.stop()
        for s in servers.values():
            s.kill()


# --- real peers, each kind of key -------------------------------------------

def by_python(pki, server, request):
    return secure(server, context(pki)).ask(request).text()


def by_curl(pki, server, request):
    body = request.partition(b"\r\n\r\n")[2]
    return command("curl", "-sS", "--cacert", pki.ca.cert, "--data-binary",
                   "@-", "-H", "Content-Type: application/json",
                   f"https://127.0.0.1:{server.port}/webhook",
                   stdin=body).stdout.decode()


def by_s_client(pki, server, request, *options):
    return command("openssl", "s_client", "-connect",
                   f"127.0.0.1:{server.port}", "-CAfile", pki.ca.cert,
                   "-verify_return_error", "-verify_ip", "127.0.0.1",
                   "-quiet", *options, stdin=request).stdout.decode()


def by_gnutls_cli(pki, server, request):
    p = subprocess.Popen(
        ["gnutls-cli", "--x509cafile", str(pki.ca.cert), "--logfile=/dev/null",
         "-p", str(server.port), "127.0.0.1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    try:
        p.stdin.write(request)
        p.stdin.flush()
        got = b""
        while more := p.stdout.read1(65536):  # until the server closes
            got += more
            if b"accepted" in got and got.endswith(b"\n"):
                break
        return got.decode("utf-8", "replace")
    finally:
        p.kill()
        p.communicate()


PEERS = {"python": by_python, "curl": by_curl, "s_client": by_s_client,
         "gnutls-cli": by_gnutls_cli}


@pytest.mark.parametrize("kind", KINDS)
def test_real_peers(kind, start, pki):
    server = start(*pki.server(kind).options)
    for n, (name, peer) in enumerate(PEERS.items(), 1):
        request = post(payload(alert(name.replace("-", "_"))),
                       "Connection: close")
        assert "accepted 1 alert" in peer(pki, server, request), \
            (name, server.log())
        assert len(wait_for("a line", server.lines)) == n
    assert names_in(server.lines()) == [n.replace("-", "_") for n in PEERS]
    # git's libcurl is the one with GnuTLS
    p = command("git", "ls-remote", f"https://127.0.0.1:{server.port}/x",
                env=os.environ | {"GIT_SSL_CAINFO": str(pki.ca.cert),
                                  "GIT_CONFIG_NOSYSTEM": "1",
                                  "HOME": str(pki.folder)})
    assert b"not found" in p.stderr
    assert handshake_errors(secure(server, context(pki))) == 0


def test_small_records_are_agreed_on(start_tls, pki):
    """RFC 6066 4: the server's records must not be larger, either."""
    server = start_tls()
    request = get("/metrics", "Connection: close")
    text = by_s_client(pki, server, request, "-maxfraglen", "512")
    assert "bellwire_build_info" in text and text.endswith("\n")


@pytest.mark.parametrize("name", [*KINDS, "bearer", "basic"])
def test_alertmanager(name, beside):
    beside["sender"].tell()
    server = beside["servers"][name]
    wait_for("the line", server.lines)
    line, = server.lines()
    assert line.endswith(
        " FIRING critical Door{} someone rings".replace("{}", "")), line
    assert failures(server) == []
    if name in KINDS:
        assert events(server, "TLS handshake done")[0]["client"] == "ringer"


# --- client certificates ----------------------------------------------------

def try_to_post(server, tls):
    """True if an alert was taken; whatever goes wrong is a refusal."""
    try:
        with TlsClient(server.addresses[0], tls) as c:
            c.send(post(payload(alert("Intruder"))))
            return c.answer().status == 200
    except (OSError, AssertionError):
        return False


@pytest.fixture
def start_with_ca(start_tls, pki):
    """A server that asks for certificates, and the context of a good one."""
    def start_one(*options, ca=None, client=None):
        return start_tls("--tls-client-ca", str(ca or pki.ca.cert), *options,
                         client=client or pki.client())
    return start_one


WRONG_CA = "no CA of --tls-client-ca has issued"
NOT_FOR_CLIENTS = r"not for clients \(extended key usage\)"
DATE = "expired or not yet valid"

REFUSED_CLIENTS = {
    "none": (lambda pki: None, "showed no certificate"),
    "self-signed": (lambda pki: pki.issue(
        "selfie", ca="self", serial=2, extensions=FOR_CLIENTS), WRONG_CA),
    "self-signed with the CA's name": (lambda pki: pki.issue(
        "liar", ca="self", serial=2, extensions=FOR_CLIENTS,
        subject="/CN=Bell CA"), WRONG_CA + "|signature"),
    "other CA": (lambda pki: pki.issue(
        "stranger", ca=pki.authority("Other CA", serial=101),
        extensions=FOR_CLIENTS), WRONG_CA),
    "another CA of the same name": (lambda pki: pki.issue(
        "twin", ca=pki.authority("Bell CA", serial=102),
        extensions=FOR_CLIENTS), WRONG_CA + "|signature"),
    "a client's certificate as CA": (lambda pki: chain_by_client(pki),
                                     "no CA|" + WRONG_CA),
    "expired": (lambda pki: pki.client("old", start=LONG_AGO, end=LAST_YEAR),
                DATE),
    "not yet valid": (lambda pki: pki.client("young", start=NEXT_AGE,
                                             end=LATER), DATE),
    "for servers": (lambda pki: pki.client("daemon", extensions=[
        "extendedKeyUsage=serverAuth"]), NOT_FOR_CLIENTS),
    "for mail and time": (lambda pki: pki.client("letter", extensions=[
        "extendedKeyUsage=emailProtection,timeStamping"]), NOT_FOR_CLIENTS),
    "the server's own": (lambda pki: pki.server(), NOT_FOR_CLIENTS),
    "key not for signatures": (lambda pki: pki.client("cipher", extensions=[
        *FOR_CLIENTS, "keyUsage=critical,keyEncipherment"]),
        "may not be used for signatures|forbids this use"),
    "Ed25519": (lambda pki: pki.client("edward", "ed25519"),
                "Ed25519|showed no certificate"),
    "issuer with Ed25519": (lambda pki: chain_by_ed25519(pki), "Ed25519"),
    "critical unknown extension": (lambda pki: pki.client("odd", extensions=[
        *FOR_CLIENTS, "1.2.3.4.5=critical,ASN1:UTF8String:x"]),
        "critical extension that is not understood"),
    "nine certificates": (lambda pki: long_chain(pki, 9),
                          "more than 8 certificates"),
    "16 KiB of certificates": (lambda pki: long_chain(pki, 5, pad=4000),
                               "16384 bytes"),
    "RSA of 1024 bits": (lambda pki: pki.client("weak", "rsa1024"),
                         "too short"),
}


def chain_by_ed25519(pki):
    middle = pki.issue("middle-ed", "ed25519", subject="/CN=Ed CA", serial=6,
                       extensions=["basicConstraints=critical,CA:TRUE"])
    leaf = pki.issue("below-ed", ca=middle, serial=7, sign=["-md", "null"],
                     extensions=FOR_CLIENTS)
    chain = pki.write("below-ed-chain.pem",
                      leaf.cert.read_bytes() + middle.cert.read_bytes())
    return type(leaf)(chain, leaf.key)


def long_chain(pki, n, pad=0):
    """Its own, and others that have nothing to do with it: what each of them
    costs is for the client to choose."""
    leaf = pki.client()
    others = [pki.issue(f"other-{n}-{i}", serial=20 + i, extensions=[
        "basicConstraints=critical,CA:TRUE",
        *(["nsComment=" + "x" * pad] if pad else [])])
        for i in range(n - 1)]
    chain = pki.write(f"long-{n}.pem", b"".join(
        c.cert.read_bytes() for c in [leaf, *others]))
    return type(leaf)(chain, leaf.key)


def chain_by_client(pki):
    """An issuer that is no CA, sent along."""
    ringer = pki.client()
    pair = pki.issue("grandchild", ca=ringer, serial=3,
                     extensions=FOR_CLIENTS)
    chain = pki.write("grandchild-chain.pem",
                      pair.cert.read_bytes() + ringer.cert.read_bytes())
    return type(pair)(chain, pair.key)


@pytest.mark.parametrize("which", REFUSED_CLIENTS)
def test_refused_client(which, start_with_ca, pki):
    make, words = REFUSED_CLIENTS[which]
    server = start_with_ca()
    server.accepts(payload(alert("Before")))
    descriptors = wait_for("quiet", lambda: sockets_of(server))
    # short keys: only so that the client itself is willing
    tls = context(pki, ciphers="DEFAULT@SECLEVEL=0")
    pair = make(pki)
    if pair:
        tls.load_cert_chain(pair.cert, pair.key)
    assert not try_to_post(server, tls)
    expect_refused(server, words)
    server.accepts(payload(alert("After")))
    assert names_in(server.lines()) == ["Before", "After"]
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)


def test_pss_signed_client_is_refused_in_words(start_with_ca, pki):
    server = start_with_ca(ca=pki.authority("RSA CA", "rsa2048").cert,
                           client=pki.client(
                               "pkcs1", "rsa2048",
                               ca=pki.authority("RSA CA", "rsa2048")))
    server.accepts(payload(alert()))
    pss = pki.client("pss", "rsa2048", ca=pki.authority("RSA CA", "rsa2048"),
                     sign=["-sigopt", "rsa_padding_mode:pss"])
    assert not try_to_post(server, context(pki, pss))
    expect_refused(server, "PSS|not supported")


@pytest.mark.parametrize("kind", KINDS)
def test_client_keys(kind, start_with_ca, pki):
    server = start_with_ca(client=pki.client(f"ringer-{kind}", kind))
    server.accepts(payload(alert()))
    done = events(server, "TLS handshake done")
    assert [e["client"] for e in done] == [f"ringer-{kind}"]
    assert done[0]["level"] == "info"


GOOD_CLIENTS = {
    "no EKU": [],
    "any EKU": ["extendedKeyUsage=anyExtendedKeyUsage"],
    "both EKU": ["extendedKeyUsage=serverAuth,clientAuth"],
    "signatures": [*FOR_CLIENTS, "keyUsage=critical,digitalSignature"],
    "leaf": [*FOR_CLIENTS, "basicConstraints=critical,CA:FALSE",
             "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"],
}


@pytest.mark.parametrize("which", GOOD_CLIENTS)
def test_good_client(which, start_with_ca, pki):
    name = "good-" + which.replace(" ", "-")
    server = start_with_ca(client=pki.client(
        name, extensions=GOOD_CLIENTS[which]))
    server.accepts(payload(alert()))
    assert events(server, "TLS handshake done")[0]["client"] == name


def test_critical_eku_is_taken_or_refused_in_words(start_with_ca, pki):
    """BearSSL does not know this extension, bellwire does; RFC 5280 4.2.1.12
    leaves it to the CA whether it is critical."""
    server = start_with_ca()
    client = pki.client("critical", extensions=[
        "extendedKeyUsage=critical,clientAuth"])
    if not try_to_post(server, context(pki, client)):
        expect_refused(server, "critical extension that is not understood")


def test_client_by_an_intermediate_ca(start_with_ca, pki):
    middle = pki.issue("middle", serial=4, subject="/CN=Middle CA",
                       extensions=["basicConstraints=critical,CA:TRUE",
                                   "keyUsage=critical,keyCertSign"])
    leaf = pki.issue("below", ca=middle, serial=5, extensions=FOR_CLIENTS)
    chain = pki.write("below-chain.pem",
                      leaf.cert.read_bytes() + middle.cert.read_bytes())
    server = start_with_ca(client=type(leaf)(chain, leaf.key))
    server.accepts(payload(alert()))
    # without its issuer nobody can say where it comes from
    assert not try_to_post(server, context(pki, leaf))
    expect_refused(server, WRONG_CA)


def test_several_cas_in_a_file(start_with_ca, pki):
    """One of them twice in name: only its key tells which it is."""
    cas = [pki.authority("First CA", serial=110),
           pki.authority("Twin CA", serial=111),
           pki.authority("Twin CA", serial=112),
           pki.authority("RSA CA", "rsa2048")]
    names = ["of-first", "of-twin-1", "of-twin-2", "of-rsa"]
    file = pki.write("cas.pem", b"".join(c.cert.read_bytes() for c in cas))
    clients = [pki.client(n, ca=c) for n, c in zip(names, cas)]
    server = start_with_ca(ca=file, client=clients[0])
    for c in clients:
        secure(server, context(pki, c)).accepts(payload(alert()))
    assert [e["client"] for e in events(server, "TLS handshake done")] == names
    assert not try_to_post(server, context(pki, pki.client()))
    expect_refused(server, WRONG_CA)


def test_ca_file_with_crlf_and_no_last_newline(start_with_ca, pki):
    text = pki.ca.cert.read_bytes().strip().replace(b"\n", b"\r\n")
    server = start_with_ca(ca=pki.write("ca-crlf.pem", b"hello\r\n" + text))
    server.accepts(payload(alert()))


NAMES = {  # extensions, subject, then who is let in by which name
    "cn": ([], "/CN=amy", ["amy"], ["am", "amyx", "AMY", "*", "bob"]),
    "dns": (["subjectAltName=DNS:am.example,DNS:am2.example"], "/CN=x",
            ["am.example", "am2.example", "x"],
            ["example", "m2.example", "*.example"]),
    "email": (["subjectAltName=email:amy@am.example"], "/CN=x",
              ["amy@am.example"], ["amy"]),
    "uri": (["subjectAltName=URI:spiffe://am/ns/a"], "/CN=x",
            ["spiffe://am/ns/a"], ["spiffe://am"]),
    "ip": (["subjectAltName=IP:10.0.0.7,IP:fe80::7"], "/CN=x",
           ["10.0.0.7", "fe80::7", "FE80:0::7"], ["10.0.0.70", "10.0.0.0/8"]),
    "wildcard": (["subjectAltName=DNS:*.am.example"], "/CN=x",
                 ["*.am.example"], ["a.am.example"]),
    "organization": ([], "/O=amy/CN=bob", ["bob"], ["amy"]),
    "no subject": (["subjectAltName=critical,DNS:am.example"], "/",
                   ["am.example"], ["am"]),
    "not ASCII": ([], "/CN=türklingel", ["türklingel"], ["turklingel"]),
}


@pytest.mark.parametrize("which", NAMES)
def test_client_name(which, start_with_ca, pki):
    extensions, subject, good, bad = NAMES[which]
    client = pki.client("name-" + which.replace(" ", "-"), subject=subject,
                        extensions=[*FOR_CLIENTS, *extensions])
    for name in good:
        server = start_with_ca("--tls-client-name", "someone",
                               "--tls-client-name", name, client=client)
        assert server.post(payload(alert())).status == 200
    names = [x for n in bad for x in ("--tls-client-name", n)]
    server = start_with_ca(*names, "--tls-client-name", "ringer")
    assert not try_to_post(server, context(pki, client))
    expect_refused(server, "name is not in --tls-client-name")


def test_subject_of_a_client_without_common_name_is_logged(start_with_ca, pki):
    server = start_with_ca(client=pki.client(
        "nameless", subject="/O=Ringers",
        extensions=[*FOR_CLIENTS, "subjectAltName=DNS:am.example"]))
    server.accepts(payload(alert()))
    done = events(server, "TLS handshake done")
    assert done and ("Ringers" in done[0]["client"] or
                     "am.example" in done[0]["client"])


def test_subject_cannot_forge_the_log(start_with_ca, pki):
    evil = 'a"\nts=x level=error msg=\u202eowned\x1b[31m'
    server = start_with_ca(client=pki.client("evil", subject=f"/CN={evil}"))
    server.accepts(payload(alert()))
    assert all("owned" not in line or "TLS handshake done" in line
               for line in server.log_lines())
    assert not set(server.log()) & set("\x1b\u202e")
    assert events(server, "TLS handshake done")[0]["client"] == evil


def test_every_refusal_is_counted_but_few_are_told(start_with_ca, pki):
    server = start_with_ca()
    for _ in range(20):
        assert not try_to_post(server, context(pki))
    wait_for("all counted", lambda: handshake_errors(server) == 20)
    assert len(failures(server)) < 20
    wait_for("all told", lambda: told_of(failures(server)) == 20)
    assert not try_to_post(server, context(pki))
    wait_for("one more", lambda: told_of(failures(server)) == 21)
    server.accepts(payload(alert()))


def test_client_that_does_not_know_our_ca_is_told(start_tls, pki):
    server = start_tls()
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsClient(server.addresses[0], stranger)
    told = expect_refused(server, "does not know the CA of our certificate")
    assert told["number"] == "304"  # 256, and the alert unknown_ca


# --- large posts ------------------------------------------------------------

SIZES = {"20 KB": 20_000, "60 KB": 60_000, "12 MB": TWELVE_MB}


def large(size):
    n = max(1, size // 20_000)
    text = group(n, pad=size // n - 700)
    return n, padded(text, size)


@pytest.mark.parametrize("size", SIZES)
def test_large_posts(size, start_tls, pki, tmp_path):
    n, body = large(SIZES[size])
    server = start_tls()
    assert server.post(body).text() == \
        f"accepted {n} alert{'s' if n > 1 else ''}\n"
    assert len(server.lines()) == n
    file = tmp_path / "body"
    file.write_bytes(body)
    p = command("curl", "-sS", "--cacert", pki.ca.cert, "--data-binary",
                f"@{file}", "-H", "Content-Type: application/json",
                f"https://127.0.0.1:{server.port}/webhook")
    assert p.stdout.startswith(b"accepted"), p
    assert names_in(server.lines()) == [f"Bell{i}" for i in range(n)] * 2
    assert server.memory_peak() < 8 << 20


# --- records of all kinds ---------------------------------------------------

def test_records_of_one_byte(start_tls):
    server = start_tls()
    with server.connect() as c:
        for _ in range(2):
            for byte in post(payload(alert())):
                c.send(bytes([byte]))
            assert c.answer().status == 200
    assert len(server.lines()) == 2


def test_bytes_one_by_one(start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))

        def drip(flight):
            for i in range(len(flight)):
                c.send(flight[i:i + 1])

        wire.greet(c, drip)
        drip(wire.seal(post(payload(alert()))))
        assert wire.open(c).startswith(b"HTTP/1.1 200 ")
    assert len(server.lines()) == 1


def test_handshake_messages_cut_into_tiny_records(start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        first = []

        def send(flight):
            if not first:
                flight = b"".join(
                    t + version + b"\0\1" + message[i:i + 1]
                    for t, version, message in records_of(flight)
                    for i in range(len(message)))
                first.append(flight)
            c.send(flight)

        wire.greet(c, send)
        c.send(wire.seal(post(payload(alert()))))
        assert wire.open(c).startswith(b"HTTP/1.1 200 ")


def test_handshake_cut_at_each_byte(start_tls, pki):
    server = start_tls()
    server.accepts(payload(alert()))
    descriptors = sockets_of(server)
    hello, _ = Wire(context(pki)).flight()
    for n in range(len(hello) + 1):
        with server.raw() as c:
            c.send(hello[:n])
    # but the one without a byte; where they come faster than they are heard,
    # those that have hung up make room for others

    def counted():
        evicted = server.metrics()["bellwire_connections_evicted_total"]
        return handshake_errors(server) + evicted
    wait_for("all counted",
             lambda: len(hello) <= counted() <= len(hello) + 1)
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)
    server.accepts(payload(alert()))


def test_handshake_reset_at_some_bytes(start_tls, pki):
    server = start_tls()
    server.accepts(payload(alert()))
    descriptors = sockets_of(server)
    hello, _ = Wire(context(pki)).flight()
    for n in range(0, len(hello) + 1, 8):
        c = server.raw()
        c.send(hello[:n])
        c.reset()
    server.accepts(payload(alert()))
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)


def test_second_flight_cut_at_each_byte(start_with_ca, pki):
    server = start_with_ca()
    server.accepts(payload(alert()))
    descriptors = sockets_of(server)
    tls = context(pki, pki.client())
    with server.raw() as c:
        size = len(Wire(tls).second_flight(c))
    tries = range(0, size, 7)  # with a certificate it is long
    for n in [*tries, size]:
        with server.raw() as c:
            # a signature of ECDSA may be a byte shorter than another one
            c.send(Wire(tls).second_flight(c)[:-1][:n])
            end(c)
            assert alerts_in(read_to_end(c)) == []
    assert handshake_errors(server) >= len(tries)
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)
    server.accepts(payload(alert()))


def test_handshake_with_a_bit_flipped(start_tls, pki):
    """It fails, or the bit did not matter; the server goes on."""
    server = start_tls()
    descriptors = sockets_of(server)
    tls = context(pki)
    hello, _ = Wire(tls).flight()
    for i in range(len(hello)):
        bent = bytearray(hello)
        bent[i] ^= 1 << i % 8
        with server.raw() as c:
            c.send(bytes(bent))
            end(c)
            read_to_end(c)
    for i in range(0, 85, 3):  # as long as the shortest one
        with server.raw() as c:
            bent = bytearray(Wire(tls).second_flight(c))
            bent[i % len(bent)] ^= 1 << i % 8
            c.send(bytes(bent))
            end(c)
            assert b"\x17\x03\x03" not in read_to_end(c)
    server.accepts(payload(alert()))
    assert events(server, "TLS handshake done") == []  # not at level info
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)


def test_records_bent_or_cut_emit_nothing(start_tls, pki):
    server = start_tls()
    descriptors = sockets_of(server)
    tls = context(pki)
    request = post(payload(alert("Forged")))
    # AES-GCM has a nonce in front of each record, ChaCha20-Poly1305 has none
    size = len(request) + 5 + 16 + (8 if HAS_AES else 0)
    cases = [("bent", i) for i in (*range(15), *range(15, size, 29),
                                   *range(size - 16, size))]
    cases += [("cut", i) for i in range(0, size, 23)] + [("cut", size - 1)]
    for how, i in cases:
        with server.raw() as c:
            wire = Wire(tls)
            wire.greet(c)
            record = bytearray(wire.seal(request))
            assert len(record) == size
            if how == "bent":
                record[i] ^= 1 << i % 8
            else:
                record = record[:i]
            c.send(bytes(record))
            end(c)
            read_to_end(c)
    assert server.lines() == []
    server.accepts(payload(alert("True")))
    assert names_in(server.lines()) == ["True"]
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)


def test_record_sent_twice_is_refused(start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        wire.greet(c)
        record = wire.seal(post(payload(alert("Once"))))
        c.send(record)
        assert wire.open(c).startswith(b"HTTP/1.1 200 ")
        c.send(record)
        assert b"HTTP" not in read_to_end(c)
    assert names_in(server.lines()) == ["Once"]


def test_record_that_is_too_large_is_refused(start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        wire.greet(c)
        c.send(b"\x17\x03\x03\xff\xff" + b"x" * 5000)
        read_to_end(c)
    server.accepts(payload(alert()))


GARBAGE = {"plain HTTP": get("/-/healthy"),
           "a post": post(payload(alert("Plain"))),
           "zeros": bytes(1000), "ones": b"\xff" * 1000,
           "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
           "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" +
           bytes(37)}


@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_no_tls_is_closed(what, start_tls):
    server = start_tls()
    with server.raw() as c:
        c.send(GARBAGE[what])
        end(c)
        read_to_end(c)
    expect_refused(server, "TLS")
    assert server.lines() == []


def test_tls_to_a_plain_port(server, pki):
    with pytest.raises(OSError):
        TlsClient(server.addresses[0], context(pki))
    wait_for("400 counted", lambda: server.metrics().get(
        'bellwire_http_requests_total{code="400"}') == 1)
    server.accepts(payload(alert()))


# --- closing ----------------------------------------------------------------

def test_close_notify_both_ways(start_tls):
    server = start_tls()
    with server.connect() as c:
        c.send(post(payload(alert()), "Connection: close"))
        assert c.answer().closes()
        assert c.is_closed()  # with close_notify, else an error
        c.socket.unwrap()
    with server.connect() as c:
        c.send(post(payload(alert())))
        assert c.answer().status == 200
        c.socket.unwrap()  # waits for the server's
    assert handshake_errors(server) == 0


def test_client_that_says_nothing_after_its_handshake_is_no_error(start_tls):
    server = start_tls("--log-level", "debug")
    for _ in range(3):
        with server.connect() as c:
            wait_for("the handshake", lambda: events(
                server, "TLS handshake done"))
            c.socket.unwrap()
    assert handshake_errors(server) == 0
    assert failures(server) == []


def test_refusal_of_a_large_post_reaches_the_client(start_tls):
    """Closed while the client still sends: it must see why."""
    server = start_tls("--max-body", "64K")
    body = b"x" * 400_000
    with server.connect() as c:
        c.send(head("POST /webhook HTTP/1.1", "Host: bell",
                    "Content-Type: application/json",
                    f"Content-Length: {len(body)}"))
        answer = c.answer()
        assert answer.status == 413 and answer.closes()
        assert c.is_closed()


def test_close_notify_right_behind_a_request(start_tls, pki):
    """The alert is taken; the answer may be lost, the end is in order."""
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        wire.greet(c)
        sealed = wire.seal(post(payload(alert())))
        with pytest.raises(ssl.SSLWantReadError):
            wire.tls.unwrap()
        c.send(sealed + wire.outgoing.read())
        wire.incoming.write(read_to_end(c))
        wire.incoming.write_eof()
        try:
            assert wire.tls.read(1000).startswith(b"HTTP/1.1 200 ")
        except ssl.SSLZeroReturnError:
            pass
        with pytest.raises(ssl.SSLZeroReturnError):  # and not an EOF
            wire.tls.read(1)
    wait_for("the line", server.lines)


def test_end_without_close_notify_behind_a_request(start_tls, pki):
    server = start_tls()
    with server.raw() as c:
        wire = Wire(context(pki))
        wire.greet(c)
        c.send(wire.seal(post(payload(alert()))))
        end(c)
        assert wire.open(c).startswith(b"HTTP/1.1 200 ")
    assert len(server.lines()) == 1


def test_end_within_a_request_emits_nothing(start_tls, pki):
    server = start_tls()
    whole = post(payload(alert("Half")))
    for notify in (True, False):
        with server.raw() as c:
            wire = Wire(context(pki))
            wire.greet(c)
            c.send(wire.seal(whole[:-5]))
            if notify:
                with pytest.raises(ssl.SSLWantReadError):
                    wire.tls.unwrap()
                c.send(wire.outgoing.read())
            end(c)
            read_to_end(c)
    assert server.lines() == []


def test_sigterm_says_close_notify(start_tls):
    server = start_tls()
    with server.connect() as c:
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
        server.signal(signal.SIGTERM)
        assert c.is_closed()
    assert server.wait() == 0


# --- a connection goes on ---------------------------------------------------

def test_keep_alive_and_pipelining(start_tls):
    server = start_tls()
    with server.connect() as c:
        for i in range(5):
            c.send(post(payload(alert(f"One{i}"))))
            assert c.answer().status == 200
        c.send(b"".join(post(payload(alert(f"Two{i}"))) for i in range(40)) +
               get("/metrics"))
        assert [c.answer().status for _ in range(41)] == [200] * 41
    assert names_in(server.lines()) == \
        [f"One{i}" for i in range(5)] + [f"Two{i}" for i in range(40)]
    assert handshake_errors(server) == 0


def test_pipelined_answers_for_a_slow_reader(start_tls):
    """10 MB of answers to one who takes them in small pieces."""
    server = start_tls()
    n = 2000
    with server.connect() as c:
        asking = threading.Thread(target=lambda: [
            c.send(get("/metrics")) for _ in range(n)], daemon=True)
        asking.start()
        for i in range(20):
            time.sleep(0.01)
            c.buffer += c.socket.recv(1000)
        for i in range(n):
            answer = c.answer()
            assert answer.status == 200 and \
                answer.body.startswith(b"# HELP"), i
        asking.join(DEADLINE)
    assert handshake_errors(server) == 0


def cpu_ticks(server):
    with open(f"/proc/{server.process.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def expect_asleep(server):
    """Uses less than a quarter of the time; one that spins uses all it gets."""
    begin, before = time.monotonic(), cpu_ticks(server)
    time.sleep(0.4)
    used = (cpu_ticks(server) - before) / os.sysconf("SC_CLK_TCK")
    assert used < (time.monotonic() - begin) / 4, f"{used} s of CPU time"


def number_of(c, request):
    return int.from_bytes(fcntl.ioctl(c.socket, request, bytes(4)),
                          sys.byteorder)


def fill(c):
    """Asks, and reads nothing, until the socket has no room for an answer:
    its only record waits in the server. Returns the number of requests, all of
    which the server has read."""
    asked, ready = 0, 0
    while True:
        c.send(get("/-/healthy"))
        asked += 1
        wait_for("the request read",
                 lambda: number_of(c, termios.TIOCOUTQ) == 0)
        end = time.monotonic() + 0.3
        while number_of(c, termios.FIONREAD) <= ready:
            if time.monotonic() > end:
                return asked
            time.sleep(0.0005)
        ready = number_of(c, termios.FIONREAD)


@pytest.fixture
def full(start_tls, tmp_path):
    """A server, and a client that has not read its answers."""
    path = f"unix:{tmp_path}/socket"
    server = start_tls(listen=("127.0.0.1:0", path))
    with server.connect(path) as c:
        yield server, c, fill(c)


def test_last_record_goes_out_when_there_is_room_again(full):
    """An answer that fits into one record waits in the engine while the socket
    is full; nothing but room in the socket can set it going again."""
    server, c, asked = full
    expect_asleep(server)
    c.socket.settimeout(5)
    for i in range(asked):
        assert c.answer().status == 200, f"{i} of {asked}"
    expect_asleep(server)


def test_who_asks_but_does_not_read_costs_no_time(full):
    server, c, asked = full
    c.send(get("/-/healthy"))
    expect_asleep(server)
    for i in range(asked + 1):
        assert c.answer().status == 200, f"{i} of {asked}"
    expect_asleep(server)


# --- many at once -----------------------------------------------------------

def test_64_slow_handshakes_beside_a_good_client(start_tls, pki):
    server = start_tls()
    hello, _ = Wire(context(pki)).flight()
    slow = []
    try:
        with server.connect() as good:
            for i in range(64):
                slow.append(server.raw())
                slow[-1].send(hello[:i + 1])
                if i % 4 == 0:
                    good.send(post(payload(alert(f"Good{i}"))))
                    assert good.answer().status == 200
            # others get in, too
            server.accepts(payload(alert("New")))
            for c in slow:
                try:
                    c.send(b"\x16")
                except OSError:
                    pass
            good.send(post(payload(alert("Last"))))
            assert good.answer().status == 200
    finally:
        for c in slow:
            c.close()
    assert names_in(server.lines()) == \
        [f"Good{i}" for i in range(0, 64, 4)] + ["New", "Last"]


def test_flood_of_handshakes_does_not_starve_a_good_client(start_tls, pki):
    """All of them and a post lie ready when the server wakes up: the post is
    answered after a few handshakes, not after all of them."""
    server = start_tls(pair=pki.server("rsa4096"))
    hello, _ = Wire(context(pki)).flight()
    flood = []
    try:
        with server.connect() as good:
            good.send(post(payload(alert("First"))))
            assert good.answer().status == 200
            server.signal(signal.SIGSTOP)
            for _ in range(40):
                flood.append(server.raw())
                flood[-1].send(hello)
            good.send(post(payload(alert("Second"))))
            server.signal(signal.SIGCONT)
            assert good.answer().status == 200
            server.signal(signal.SIGSTOP)
            done = 0
            for c in flood:
                c.socket.setblocking(False)
                try:
                    done += c.socket.recv(1) != b""
                except BlockingIOError:
                    pass
            server.signal(signal.SIGCONT)
            assert done <= 8, f"{done} handshakes went first"
    finally:
        server.signal(signal.SIGCONT)
        for c in flood:
            c.close()


def test_slow_handshake_is_ended_by_its_deadline(beside):
    took = beside["waiters"].join()
    assert set(took) == {"silent", "half", "drip"}
    assert all(9.5 < t < 30 for t in took.values()), took
    server = beside["slow"]
    # who has not sent a byte has not begun one
    assert handshake_errors(server) == 2
    assert any(e["why"] == "it took too long" for e in failures(server))
    server.accepts(payload(alert()))

"""What the tests of TLS share: certificates made on the spot, TLS clients, and
a client without a socket whose bytes can be cut and bent."""
import os
import re
import ssl
import subprocess
import threading

import pytest

from helpers import Client, read_logfmt, run, wait_for

HAS_AES = re.search(r"^flags\b.* aes ", open("/proc/cpuinfo").read(), re.M)
KINDS = ["rsa2048", "rsa3072", "rsa4096", "p256", "p384"]
EC_KINDS = ["p256", "p384"]
ALTERNATIVES = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost"
FOR_SERVERS = [ALTERNATIVES, "extendedKeyUsage=serverAuth"]
FOR_CLIENTS = ["extendedKeyUsage=clientAuth"]
LONG_AGO, LAST_YEAR = "20010101000000Z", "20020101000000Z"
NEXT_AGE, LATER = "20480101000000Z", "20490101000000Z"

CA_CONFIG = """\
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
unique_subject = no
policy = anything
default_md = sha256
rand_serial = yes
preserve = yes
[anything]
commonName = optional
organizationName = optional
emailAddress = optional
[req]
distinguished_name = name
[name]
"""


class Pair:
    """A certificate, or a chain, and its key: two files."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    @property
    def options(self):
        return "--tls-cert", str(self.cert), "--tls-key", str(self.key)


class Pki:
    """Keys and certificates in a folder, each made when first asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.keys, self.made = {}, {}
        (folder / "ca.conf").write_text(CA_CONFIG)
        (folder / "index.txt").write_text("")
        self.ca = self.authority("Bell CA")

    def openssl(self, *args, stdin=None):
        p = subprocess.run(["openssl", *map(str, args)], cwd=self.folder,
                           input=stdin, capture_output=True, timeout=120)
        assert p.returncode == 0, p.stderr.decode("utf-8", "replace")
        return p.stdout

    def path(self, name):
        return self.folder / name

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        path.chmod(0o600)
        return path

    def key(self, kind, serial=0):
        """A private key in PKCS#8; kind: rsa2048, p256, ed25519, ..."""
        name = f"{kind}-{serial}.key"
        if name not in self.keys:
            if kind.startswith("rsa"):
                how = ["RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[3:]}"]
            elif re.fullmatch(r"p\d+", kind):
                how = ["EC", "-pkeyopt", f"ec_paramgen_curve:P-{kind[1:]}"]
            else:
                how = [kind]
            self.openssl("genpkey", "-algorithm", *how, "-out", name)
            self.path(name).chmod(0o600)
            self.keys[name] = self.path(name)
        return self.keys[name]

    def authority(self, common_name, kind="p256", serial=100):
        """A CA that has signed itself. Another serial is another key."""
        name = re.sub(r"\W", "-", common_name) + f"-{kind}-{serial}.pem"
        key = self.key(kind, serial)
        if name not in self.made:
            self.openssl("req", "-x509", "-new", "-key", key, "-out", name,
                         "-days", "3650", "-subj", f"/CN={common_name}",
                         "-config", "ca.conf", "-addext",
                         "basicConstraints=critical,CA:TRUE", "-addext",
                         "keyUsage=critical,keyCertSign,cRLSign")
            self.made[name] = Pair(self.path(name), key)
        return self.made[name]

    def issue(self, name, kind="p256", ca=None, subject=None, extensions=(),
              start=None, end=None, serial=0, sign=()):
        """A certificate by `ca`, or by itself with ca="self"."""
        if name in self.made:
            return self.made[name]
        key = self.key(kind, serial)
        request, cert = f"{name}.csr", f"{name}.pem"
        self.openssl("req", "-new", "-key", key, "-out", request, "-utf8",
                     "-subj", subject or f"/CN={name}", "-config", "ca.conf")
        self.write(f"{name}.ext", "\n".join(extensions) + "\n")
        if ca == "self":
            by = ["-selfsign", "-keyfile", key]
        else:
            ca = ca or self.ca
            by = ["-cert", ca.cert, "-keyfile", ca.key]
        when = ["-startdate", start, "-enddate", end] if start else \
            ["-days", "3650"]
        self.openssl("ca", "-config", "ca.conf", "-batch", "-notext", "-utf8",
                     *by, *when, *sign, "-in", request, "-out", cert,
                     *(["-extfile", f"{name}.ext"] if extensions else []))
        self.made[name] = Pair(self.path(cert), key)
        return self.made[name]

    def server(self, kind="p256"):
        return self.issue(f"server-{kind}", kind, extensions=FOR_SERVERS,
                          subject="/CN=bell")

    def client(self, name="ringer", kind="p256", **how):
        how.setdefault("extensions", FOR_CLIENTS)
        return self.issue(name, kind, serial=1, **how)


_pki = None
_lock = threading.Lock()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """One for all modules: each that imports this has a fixture of its own."""
    global _pki
    with _lock:
        if _pki is None:
            _pki = Pki(tmp_path_factory.mktemp("pki"))
    return _pki


# --- clients ----------------------------------------------------------------

def context(pki, pair=None, ciphers=None, alpn=None, versions=None):
    """A client's: it checks the server's certificate and address."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # else Python before 3.13 takes an end without close_notify for a good one
    c.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    c.load_verify_locations(pki.ca.cert)
    if pair:
        c.load_cert_chain(pair.cert, pair.key)
    if ciphers:
        c.set_ciphers(ciphers)
    if alpn:
        c.set_alpn_protocols(alpn)
    if versions:
        c.minimum_version, c.maximum_version = versions
    return c


class TlsClient(Client):
    def __init__(self, address, tls, name="127.0.0.1", room=None):
        super().__init__(address, room)
        try:
            self.socket = tls.wrap_socket(self.socket, server_hostname=name,
                                          suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise

    def is_closed(self):
        """With close_notify: without, reading is an error."""
        return self.buffer == b"" and self._more() == b""


def secure(server, tls):
    """Makes whatever asks that server do it over TLS."""
    server.connect = lambda address=None, room=None: TlsClient(
        address or server.addresses[0], tls, room=room)
    server.raw = lambda: Client(server.addresses[0])
    return server


@pytest.fixture
def start_tls(start, pki):
    """start_tls(*options) -> a server with a P-256 certificate and a client's
    context that is good for it; pair: its certificate, with: the client's."""
    def start_one(*options, pair=None, client=None, **how):
        pair = pair or pki.server()
        return secure(start(*pair.options, *options, **how),
                      context(pki, client))
    return start_one


class Wire:
    """A TLS client without a socket: what it would send can be looked at."""

    def __init__(self, tls):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing,
                                server_hostname="127.0.0.1")

    def flight(self, received=b""):
        """Goes on with the handshake; what is to be sent, and is it done."""
        self.incoming.write(received)
        done = True
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            done = False
        return self.outgoing.read(), done

    def greet(self, connection, send=None):
        """A handshake over a raw Client; send: how its bytes go."""
        send = send or connection.send
        out, done = self.flight()
        if out:
            send(out)
        if not done:
            self.finish(connection, send)

    def finish(self, connection, send=None):
        """The rest of a handshake whose next bytes are the server's."""
        done = False
        while not done:
            got = connection.socket.recv(65536)
            assert got, "closed within the handshake"
            out, done = self.flight(got)
            if out:
                (send or connection.send)(out)

    def second_flight(self, connection):
        """What the client sends when it has the server's first."""
        connection.send(self.flight()[0])
        while True:
            got = connection.socket.recv(65536)
            assert got, "closed within the handshake"
            out, _ = self.flight(got)
            if out:
                return out

    def seal(self, data):
        self.tls.write(data)
        return self.outgoing.read()

    def open(self, connection):
        """What the server says next, in the clear."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                got = connection.socket.recv(65536)
                if not got:
                    self.incoming.write_eof()
                self.incoming.write(got)


def records_of(flight):
    """[(type, version, payload)] of plain TLS records."""
    found = []
    while flight:
        n = int.from_bytes(flight[3:5], "big")
        found.append((flight[:1], flight[1:3], flight[5:5 + n]))
        flight = flight[5 + n:]
    return found


def alerts_in(answer):
    """The numbers of alerts among records that are not encrypted."""
    return [p[1] for t, _, p in records_of(answer) if t == b"\x15"]


def end(connection):
    """No more from here, if the server has not gone already."""
    try:
        connection.end()
    except OSError:
        pass


def read_to_end(connection):
    got = b""
    try:
        while more := connection.socket.recv(65536):
            got += more
    except ConnectionResetError:
        pass
    return got


# --- what the server says of it ---------------------------------------------

def events(server, message):
    """The lines of the log with that message, read."""
    found = [read_logfmt(line) for line in server.log_lines()]
    return [e for e in found if e["msg"] == message]


def failures(server):
    return events(server, "TLS handshake failed")


def handshake_errors(server):
    return server.metrics()["bellwire_tls_handshake_errors_total"]


def sockets_of(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def expect_refused(server, words):
    """One handshake has failed, was counted and told; the server goes on."""
    told = wait_for("the refusal in the log", lambda: failures(server))
    assert len(told) == 1, told
    assert re.search(words, told[0]["why"]), told[0]
    assert int(told[0]["number"]) > 0
    assert told[0]["level"] == "warn"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", told[0]["peer"])
    assert handshake_errors(server) == 1
    wait_for("no connection but the one that asks",
             lambda: server.metrics()["bellwire_connections"] == 1)
    return told[0]


def ends_with_2(*options, command="check"):
    """The one line of an error at start."""
    p = run(*([command] if command else []), *map(str, options))
    assert p.returncode == 2, p
    text = p.stderr.decode("utf-8")
    lines = [x for x in text.split("\n") if x.startswith("bellwire: ")]
    assert len(lines) == 1 and text.endswith(lines[0] + "\n"), text
    return lines[0]

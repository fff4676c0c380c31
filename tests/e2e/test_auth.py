"""Who may ask: tokens, passwords, addresses; and what SIGHUP does to them."""
import base64
import hashlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from helpers import (Client, alert, get, head, names_in, payload, post,
                     post_chunked, run, told_of, wait_for)
from tls_helpers import (context, ends_with_2, events, pki, secure, sockets_of,
                         start_tls)

TOKEN, OTHER = "correct-horse_battery.staple~+/==", "another-token"
UNAUTHORIZED = 'bellwire_rejected_total{reason="unauthorized"}'


def sha256(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def basic(user, password):
    return "Basic " + base64.b64encode(
        f"{user}:{password}".encode()).decode()


@pytest.fixture
def secret(tmp_path):
    """secret(text) -> the name of a file that only we can read."""
    made = []

    def write(text, mode=0o600):
        file = tmp_path / f"secret{len(made)}"
        made.append(file)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return str(file)
    return write


def ring(server, credential=None, *fields):
    if credential is not None:
        fields = (f"Authorization: {credential}", *fields)
    return server.ask(post(payload(alert()), *fields))


# --- tokens -----------------------------------------------------------------

TOKEN_FILES = {
    "plain": f"{TOKEN}\n",
    "sha256": f"{sha256(TOKEN)}\n",
    "upper case": sha256(TOKEN).replace(sha256(TOKEN)[7:],
                                        sha256(TOKEN)[7:].upper()) + "\n",
    "no newline": TOKEN,
    "CRLF": f"# tokens\r\n\r\n{TOKEN}\r\n",
    "comments": f"# of Alertmanager\n\n  {TOKEN}\t\n# {OTHER}\n",
    "many": "".join(f"t{i}\n" for i in range(62)) + f"{sha256('x')}\n{TOKEN}",
}


@pytest.mark.parametrize("file", TOKEN_FILES)
def test_token(file, start, secret):
    server = start("--auth-token-file", secret(TOKEN_FILES[file]))
    good = [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN}  "]
    for credential in good:
        assert ring(server, credential).status == 200, credential
    bad = [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x",
           f"Bearer {TOKEN[:-1]}", f"Bearer {OTHER}", f"Bearer x{TOKEN}",
           f"Bearer {TOKEN.upper()}", f"Bearer{TOKEN}", TOKEN,
           f"Token {TOKEN}", f"Bearer {sha256(TOKEN)}",
           f"Bearer {sha256(TOKEN)[7:]}", f"Bearer {TOKEN} {TOKEN}",
           f"Bearer {TOKEN}, Bearer {TOKEN}", "Bearer " + "x" * 4000,
           basic("", TOKEN), basic(TOKEN, ""), "Bearer # of Alertmanager"]
    for credential in bad:
        answer = ring(server, credential)
        assert answer.status == 401, credential
        assert answer.get("WWW-Authenticate") == 'Bearer realm="bellwire"'
        assert answer.tells_one_line()
    assert len(server.lines()) == len(good)
    with server.connect() as c:
        c.send(get("/metrics", f"Authorization: Bearer {TOKEN}"))
        metrics = c.answer().text()
    assert f"{UNAUTHORIZED} {len(bad)}\n" in metrics
    assert f'bellwire_http_requests_total{{code="401"}} {len(bad)}\n' in \
        metrics


def test_long_tokens(start, secret):
    long = "k" * 4000
    server = start("--auth-token-file", secret(f"{long}\n{OTHER}\n"))
    assert ring(server, f"Bearer {long}").status == 200
    assert ring(server, f"Bearer {OTHER}").status == 200
    assert ring(server, f"Bearer {long[:-1]}").status == 401


def test_two_credentials_are_ambiguous(start, secret):
    server = start("--auth-token-file", secret(TOKEN))
    good = f"Authorization: Bearer {TOKEN}"
    bad = "Authorization: Bearer x"
    for fields in ((good, bad), (bad, good), (good, good)):
        assert server.ask(post(payload(alert()), *fields)).status in \
            (400, 401)
    assert server.lines() == []


# --- passwords --------------------------------------------------------------

BASIC_FILES = {
    "plain": "bob:pass:word ä\nann:x\n",
    "sha256": f"bob:{sha256('pass:word ä')}\nann:{sha256('x')}\n",
    "CRLF, no newline": "# us\r\n\r\nann:x\r\nbob:pass:word ä",
}


@pytest.mark.parametrize("file", BASIC_FILES)
def test_password(file, start, secret):
    server = start("--auth-basic-file", secret(BASIC_FILES[file]))
    good = [basic("bob", "pass:word ä"), basic("ann", "x"),
            basic("ann", "x").replace("Basic", "bAsIc"),
            basic("ann", "x").replace("Basic ", "Basic  ")]
    for credential in good:
        assert ring(server, credential).status == 200, credential
    encoded = basic("ann", "x")[6:]  # YW5uOng=
    bad = [None, "", "Basic", "Basic ", basic("bob", "x"), basic("ann", ""),
           basic("", "x"), basic("ann", "pass:word ä"), basic("Ann", "x"),
           basic("ann", "x "), basic("ann", "x\0"), basic("ann\0", "x"),
           basic("bob", "pass"), basic("bob", sha256("pass:word ä")),
           f"Basic {encoded[:-1]}", f"Basic {encoded}=",
           f"Basic {encoded}====", f"Basic ={encoded[1:]}",
           f"Basic {encoded[:4]} {encoded[4:]}", f"Basic {encoded}*",
           "Basic ====", "Basic a", "Basic YW5uOng-", "Basic YW5u",
           f"Basic {encoded[:4]}===={encoded[4:]}", f"Bearer {encoded}",
           "Bearer x", "Basic ann:x", "Basic " + "A" * 4000,
           "Basic " + "A" * 3999, "Basic \x7f"]
    for credential in bad:
        answer = ring(server, credential)
        if credential == "Basic \x7f":
            assert answer.status in (400, 401)
            continue
        assert answer.status == 401, credential
        assert answer.get("WWW-Authenticate") == \
            'Basic realm="bellwire", charset="UTF-8"'
    assert len(server.lines()) == len(good)


def test_long_password_works_or_is_refused_at_start(start, secret):
    """What could never match must not be taken without a word."""
    for n in (100, 500, 1000, 4000):
        password = "p" * n
        options = ("--auth-basic-file", secret(f"ann:{password}\n"))
        if run("check", *options).returncode == 0:
            assert ring(start(*options),
                        basic("ann", password)).status == 200, n
    # whoever knows its digest alone may have a long one, too
    server = start("--auth-basic-file", secret(f"ann:{sha256('p' * 600)}"))
    assert ring(server, basic("ann", "p" * 600)).status in (200, 401)


def test_tokens_and_passwords(start, secret):
    server = start("--auth-token-file", secret(TOKEN),
                   "--auth-basic-file", secret("ann:x"))
    assert ring(server, f"Bearer {TOKEN}").status == 200
    assert ring(server, basic("ann", "x")).status == 200
    for credential in (None, "Bearer x", basic("ann", TOKEN),
                       f"Basic {TOKEN}", "Digest x"):
        answer = ring(server, credential)
        assert answer.status == 401
        challenge = answer.get("WWW-Authenticate")
        # RFC 9110 11.6.1: a list of challenges
        assert re.fullmatch(
            r'Bearer realm="bellwire", Basic realm="bellwire", '
            r'charset="UTF-8"', challenge), challenge


def test_curl(start, secret):
    server = start("--auth-token-file", secret(TOKEN),
                   "--auth-basic-file", secret("ann:x"))
    url = f"http://127.0.0.1:{server.port}/webhook"
    for options, code in ((["--oauth2-bearer", TOKEN], b"200"),
                          (["-u", "ann:x"], b"200"),
                          (["--anyauth", "-u", "ann:x"], b"200"),
                          (["-u", "ann:y"], b"401"), ([], b"401")):
        p = subprocess.run(
            ["curl", "-sS", *options, "-o", "/dev/null", "-w", "%{http_code}",
             "-H", "Content-Type: application/json", "-d",
             post(payload(alert())).partition(b"\r\n\r\n")[2], url],
            capture_output=True, timeout=20)
        assert p.stdout == code, (options, p)


# --- what is asked, and when ------------------------------------------------

def test_which_pages_ask(start, secret):
    server = start("--auth-token-file", secret(TOKEN), "--path", "/ring")
    good = f"Authorization: Bearer {TOKEN}"
    for target, method, without, let_in in (
            ("/-/healthy", "GET", 200, 200), ("/-/ready", "GET", 200, 200),
            ("/-/healthy", "HEAD", 200, 200), ("/metrics", "GET", 401, 200),
            ("/metrics", "HEAD", 401, 200), ("/metrics?x", "GET", 401, 200),
            ("/ring", "GET", 401, 405), ("/metrics", "DELETE", 401, 405),
            ("/webhook", "GET", 404, 404), ("/", "GET", 404, 404)):
        for fields, code in (((), without), ((good,), let_in)):
            with server.connect() as c:
                c.send(get(target, *fields, method=method))
                answer = c.answer(method == "HEAD")
            assert answer.status == code, (target, method, fields)
            assert (answer.get("WWW-Authenticate") is not None) == \
                (code == 401)


def test_alerts_page_asks(start, secret):
    server = start("--auth-token-file", secret(TOKEN))
    if server.status_of("/alerts") != 404:  # once there is such a page
        assert server.status_of("/alerts") == 401


def test_nothing_of_a_refused_request_is_read_as_another(start, secret):
    server = start("--auth-token-file", secret(TOKEN))
    good = f"Authorization: Bearer {TOKEN}"
    with server.connect() as c:  # kept, and what comes next is asked again
        c.send(post(payload(alert("A"))) + post(payload(alert("B")), good) +
               post_chunked(payload(alert("C"))) + get("/metrics"))
        assert [c.answer().status for _ in range(4)] == [401, 200, 401, 401]
    with server.connect() as c:  # nobody asks for a body that is of no use
        c.send(head("POST /webhook HTTP/1.1", "Host: bell",
                    "Content-Type: application/json", "Content-Length: 100",
                    "Expect: 100-continue"))
        assert c.answer().status == 401
    with server.connect() as c:
        c.send(head("POST /webhook HTTP/1.1", "Host: bell",
                    "Content-Type: application/json",
                    "Content-Length: 1000000"))
        answer = c.answer()
        assert answer.status == 401 and answer.closes()
    assert names_in(server.lines()) == ["B"]


def test_file_with_a_digest_of_nothing_lets_nobody_in_without_token(
        start, secret):
    server = start("--auth-token-file", secret(f"{sha256('')}\n{TOKEN}\n"))
    for credential in (None, "", "Bearer", "Bearer ", "Bearer \t"):
        assert ring(server, credential).status == 401, repr(credential)


BAD_FILES = {  # option, content, line
    "empty token file": ("--auth-token-file", "", None),
    "only comments": ("--auth-token-file", "# x\n\n", None),
    "token with a blank": ("--auth-token-file", "good\nbad token\n", 2),
    "token with a NUL": ("--auth-token-file", b"a\0b\n", 1),
    "short digest": ("--auth-token-file", f"a\nb\n{sha256('x')[:-1]}\n", 3),
    "long digest": ("--auth-token-file", f"{sha256('x')}0\n", 1),
    "wrong digest": ("--auth-token-file", "sha256:" + "g" * 64, 1),
    "no digest": ("--auth-token-file", "sha256:\n", 1),
    "65 tokens": ("--auth-token-file",
                  "".join(f"t{i}\n" for i in range(65)), 65),
    "no colon": ("--auth-basic-file", "ann:x\nbob\n", 2),
    "no user": ("--auth-basic-file", ":x\n", 1),
    "no password": ("--auth-basic-file", "ann:\n", 1),
    "password's digest": ("--auth-basic-file", "ann:sha256:12\n", 1),
    "empty password file": ("--auth-basic-file", "\n", None),
    "too large": ("--auth-basic-file", "#" * 20000 + "\nann:x\n", None),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_files_are_told_at_start(what, secret):
    option, content, line = BAD_FILES[what]
    file = secret(content)
    for command in ("check", None):
        text = ends_with_2(option, file, command=command)
        assert option in text and file in text
        if line:
            assert f"{file}:{line}: expected" in text
        for word in ("bad token", sha256("x")[7:40], "bob", "t64"):
            assert word not in text.replace(file, "")


def test_missing_and_unreadable_files(tmp_path):
    for option in ("--auth-token-file", "--auth-basic-file"):
        for file in (tmp_path / "nothing", tmp_path):
            text = ends_with_2(option, file)
            assert option in text and str(file) in text


# --- secrets stay secret ----------------------------------------------------

def memory_of(pid):
    found = b""
    maps = Path(f"/proc/{pid}/maps").read_text().split("\n")[:-1]
    with open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            where, access = line.split()[:2]
            begin, end = (int(x, 16) for x in where.split("-"))
            if "w" in access and "[v" not in line:
                mem.seek(begin)
                found += mem.read(end - begin)
    assert len(found) > 1 << 20
    return found


def kept(server, *words):
    """Those of the words that stand anywhere in its memory."""
    memory = memory_of(server.process.pid)
    return [w for w in words
            if (w if isinstance(w, bytes) else w.encode()) in memory]


def test_secrets_are_never_logged(start, secret):
    server = start("--auth-token-file", secret(f"{TOKEN}\n"),
                   "--auth-basic-file", secret("ann:opensesame\n"),
                   "--log-level", "debug")
    tried = [f"Bearer {TOKEN}", "Bearer wrong-token-1",
             basic("ann", "opensesame"), basic("ann", "guessed-wrong"),
             "Bearer wrong\ttoken-2"]
    for credential in tried:
        ring(server, credential)
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: events(server, "reloaded"))
    log = server.log()
    for word in (TOKEN, "wrong-token", "opensesame", "guessed", "token-2",
                 *(c.split()[1] for c in tried[:4])):
        assert word not in log, word


def test_secrets_of_files_are_not_kept_in_memory(start, secret):
    server = start("--auth-token-file", secret("tooth-brush-token\n"),
                   "--auth-basic-file", secret("ann:opensesame-pass\n"))
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: events(server, "reloaded"))
    assert kept(server, "tooth-brush-token", "opensesame-pass") == []


def test_credentials_that_came_are_wiped_after_use(start, secret):
    token = "tooth-brush-token"
    server = start("--auth-token-file", secret(token),
                   "--auth-basic-file", secret("ann:opensesame"))
    encoded = basic("ann", "opensesame")
    with server.connect() as c:
        for credential in (f"Bearer {token}", encoded, "Bearer wrong-guess"):
            c.send(post(payload(alert()), f"Authorization: {credential}"))
            c.answer()
        assert kept(server, token, encoded[6:], "opensesame",
                    "wrong-guess") == []


def test_credentials_that_came_by_tls_are_wiped_after_use(start_tls, secret):
    token = "tooth-brush-token"
    server = start_tls("--auth-token-file", secret(token))
    with server.connect() as c:
        c.send(post(payload(alert()), f"Authorization: Bearer {token}"))
        assert c.answer().status == 200
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
    before = sockets_of(server)
    wait_for("the connection closed", lambda: sockets_of(server) <= before)
    time.sleep(0.1)
    assert kept(server, token) == []


def test_old_keys_are_wiped_at_reload(start_tls, pki):
    """The key itself, as BearSSL holds it: the private number of P-256."""
    pair = pki.issue("reload-key", serial=20)
    text = pki.openssl("pkey", "-in", pair.key, "-noout", "-text").decode()
    number = bytes.fromhex(re.sub(
        r"[^0-9a-f]", "", re.search(r"priv:\s+([0-9a-f:\s]+?)pub:",
                                    text).group(1)))[-32:]
    cert = pki.write("wipe.pem", pair.cert.read_bytes())
    key = pki.write("wipe.key", pair.key.read_bytes())
    server = start_tls(pair=type(pair)(cert, key))
    assert kept(server, number)
    other = pki.server()
    cert.write_bytes(other.cert.read_bytes())
    key.write_bytes(other.key.read_bytes())
    server.signal(signal.SIGHUP)
    wait_for("the reload", lambda: events(server, "reloaded"))
    assert not kept(server, number)


@pytest.mark.parametrize("mode, told", [(0o600, 0), (0o640, 0), (0o644, 1),
                                        (0o604, 1)])
def test_files_that_others_can_read_are_told(mode, told, start, secret, pki):
    files = [secret(TOKEN, mode), secret("ann:x", mode),
             secret(pki.server().key.read_bytes(), mode)]
    server = start("--auth-token-file", files[0], "--auth-basic-file",
                   files[1], "--tls-cert", str(pki.server().cert),
                   "--tls-key", files[2])
    warned = events(server, "others can read this secret")
    assert [e["file"] for e in warned] == files * told
    assert all(e["level"] == "warn" for e in warned)


def test_failures_are_logged_at_a_rate(start, secret):
    server = start("--auth-token-file", secret(TOKEN))
    with server.connect() as c:
        peer = "%s:%d" % c.socket.getsockname()
        for _ in range(200):
            c.send(get("/metrics", "Authorization: Bearer guess"))
            assert c.answer().status == 401
    told = events(server, "request refused")
    assert told[0]["peer"] == peer and told[0]["code"] == "401"
    assert told[0]["reason"] == "unauthorized"
    assert 1 <= len(told) < 100
    wait_for("the rest", lambda: told_of(
        events(server, "request refused")) == 200)
    # wherever they guess: no line of its own for each page
    assert server.status_of("/alerts") == 401
    wait_for("one more", lambda: told_of(
        events(server, "request refused")) == 201)
    assert len(events(server, "request refused")) <= 5
    assert ring(server, f"Bearer {TOKEN}").status == 200


# --- SIGHUP -----------------------------------------------------------------

def reload(server, message="reloaded"):
    n = len(events(server, message))
    server.signal(signal.SIGHUP)
    return wait_for(message, lambda: events(server, message)[n:])[-1]


BROKEN = "reload failed, the old files stay in force"


def test_reload_replaces_tokens(start, secret):
    file, passwords = secret("old-token\n"), secret("ann:old\n")
    server = start("--auth-token-file", file, "--auth-basic-file", passwords)
    with server.connect() as c:

        def ask(credential):
            c.send(get("/metrics", f"Authorization: {credential}"))
            return c.answer().status

        assert ask("Bearer old-token") == 200
        Path(file).write_text("new-token\n")
        Path(passwords).write_text("bob:new\n")
        assert ask("Bearer old-token") == 200
        assert ask("Bearer new-token") == 401
        reload(server)
        # an open connection goes on, and is asked by the new rules
        assert ask("Bearer old-token") == 401
        assert ask("Bearer new-token") == 200
        assert ask(basic("ann", "old")) == 401
        assert ask(basic("bob", "new")) == 200
        # all or nothing
        Path(file).write_text("newest-token\n")
        Path(passwords).write_text("no colon\n")
        event = reload(server, BROKEN)
        assert event["level"] == "error"
        assert f"{passwords}:1: expected" in event["why"]
        assert "--auth-basic-file" in event["why"]
        assert ask("Bearer newest-token") == 401
        assert ask("Bearer new-token") == 200
        os.unlink(file)
        assert file in reload(server, BROKEN)["why"]
        assert ask("Bearer new-token") == 200
        assert ask(basic("bob", "new")) == 200
        Path(file).write_text("newest-token\n")
        Path(passwords).write_text("bob:newest\n")
        reload(server)
        assert ask("Bearer newest-token") == 200


def test_reload_is_all_or_nothing(start_tls, pki, secret):
    """A good token file beside a broken certificate: the old ones stay."""
    token = secret("old-token\n")
    cert = pki.write("reload.pem", pki.server().cert.read_bytes())
    key = pki.write("reload.key", pki.server().key.read_bytes())
    pair = type(pki.server())(cert, key)
    server = start_tls("--auth-token-file", token, pair=pair)
    auth = "Authorization: Bearer "
    with server.connect() as c:

        def ask(word):
            c.send(get("/metrics", auth + word))
            return c.answer().status

        def serial():
            with server.connect() as other:
                return other.socket.getpeercert()["serialNumber"]

        old = serial()
        assert ask("old-token") == 200
        Path(token).write_text("new-token\n")
        good = cert.read_bytes()
        for broken in (good[:300], b"", b"garbage",
                       pki.server("p384").cert.read_bytes()):
            cert.write_bytes(broken)
            event = reload(server, BROKEN)
            assert event["level"] == "error" and "--tls-" in event["why"]
            assert ask("old-token") == 200
            assert ask("new-token") == 401
            assert serial() == old
        # key and certificate of another kind, both at once
        other = pki.server("rsa2048")
        cert.write_bytes(other.cert.read_bytes())
        key.write_bytes(other.key.read_bytes())
        reload(server)
        assert serial() != old
        assert ask("old-token") == 401  # on the connection from before
        assert ask("new-token") == 200
    assert server.post(payload(alert())).status == 401


def test_reload_replaces_client_cas_and_keeps_connections(start_tls, pki):
    ca = pki.write("reload-ca.pem", pki.ca.cert.read_bytes())
    other_ca = pki.authority("Next CA", serial=121)
    server = start_tls("--tls-client-ca", str(ca), client=pki.client())
    next_client = pki.client("next-client", ca=other_ca)
    with server.connect() as old:
        old.send(post(payload(alert("A"))))
        assert old.answer().status == 200
        half = server.raw()  # in the middle of a handshake
        half.send(b"\x16\x03\x01")
        ca.write_bytes(other_ca.cert.read_bytes())
        reload(server)
        half.close()
        old.send(post(payload(alert("B"))))
        assert old.answer().status == 200
        with pytest.raises(OSError):
            server.accepts(payload(alert("C")))
        secure(server, context(pki, next_client))
        server.accepts(payload(alert("D")))
    assert names_in(server.lines()) == ["A", "B", "D"]


def test_many_reloads_under_load(start_tls, pki):
    server = start_tls()
    descriptors = sockets_of(server)
    with server.connect() as c:
        for i in range(50):
            server.signal(signal.SIGHUP)
            c.send(post(payload(alert(f"N{i}"))))
            assert c.answer().status == 200
    wait_for("reloads", lambda: events(server, "reloaded"))
    wait_for("all closed", lambda: sockets_of(server) <= descriptors)
    assert names_in(server.lines()) == [f"N{i}" for i in range(50)]


# --- addresses --------------------------------------------------------------

ADDRESS = 'bellwire_rejected_total{reason="address"}'


def connect_from(server, source, index=0):
    address = server.addresses[index]
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.settimeout(20)
    s.bind((source, 0))
    s.connect((host, int(port)))
    return s


def is_served(server, source, index=0):
    with connect_from(server, source, index) as s:
        try:
            s.sendall(get("/-/healthy"))
            return s.recv(100).startswith(b"HTTP/1.1 200 ")
        except (ConnectionResetError, BrokenPipeError):
            return False


@pytest.mark.parametrize("allow, good, bad", [
    ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "127.1.0.1"]),
    ("127.0.0.2/32", ["127.0.0.2"], ["127.0.0.1", "127.0.0.3"]),
    ("127.0.0.0/8", ["127.0.0.1", "127.255.255.254"], []),
    ("127.0.0.0/30", ["127.0.0.1", "127.0.0.3"], ["127.0.0.4"]),
    ("127.0.1.0/24,127.0.3.5", ["127.0.1.1", "127.0.1.255", "127.0.3.5"],
     ["127.0.0.1", "127.0.2.1", "127.0.3.4"]),
    ("127.64.0.0/10", ["127.64.0.1", "127.127.9.9"],
     ["127.63.0.1", "127.128.0.1"]),
    ("0.0.0.0/0", ["127.0.0.1", "127.9.9.9"], []),
    ("10.0.0.0/8,::1,::/0", [], ["127.0.0.1"]),
])
def test_allow_v4(allow, good, bad, start):
    server = start("--allow", allow)
    for source in good:
        assert is_served(server, source), source
    for source in bad:
        assert not is_served(server, source), source


@pytest.mark.parametrize("allow, good", [
    ("::1", True), ("::1/128", True), ("::/0", True), ("::/127", True),
    ("0:0:0:0::/64", True), ("::2", False), ("fe80::/10", False),
    ("127.0.0.1,0.0.0.0/0", False)])
def test_allow_v6(allow, good, start):
    server = start("--allow", allow, listen=("[::1]:0",))
    assert is_served(server, "::1") == good


def test_allow_on_all_addresses(start):
    """An IPv4 peer of a socket for both is still that IPv4 address."""
    server = start("--allow", "127.0.0.2", "--allow", "::1", listen=(":0",))
    port = server.port
    server.addresses = [f"127.0.0.1:{port}", f"[::1]:{port}"]
    assert is_served(server, "127.0.0.2")
    assert not is_served(server, "127.0.0.1")
    assert is_served(server, "::1", 1)


def test_not_allowed_is_closed_at_once_and_counted(start, tmp_path):
    path = f"unix:{tmp_path}/socket"
    server = start("--allow", "127.0.0.2", listen=("127.0.0.1:0", path))
    server.connect = lambda address=None: Client(path)
    for _ in range(30):
        with connect_from(server, "127.0.0.1") as s:
            begin = time.monotonic()
            try:
                assert s.recv(1) == b""
            except ConnectionResetError:
                pass
            assert time.monotonic() - begin < 5
    # the unix socket has its file's permissions, and is not asked
    server.accepts(payload(alert()))
    assert server.metrics()[ADDRESS] == 30
    wait_for("none of them left",
             lambda: server.metrics()["bellwire_connections"] == 1)
    told = events(server, "address refused")
    assert told[0]["peer"].startswith("127.0.0.1:")
    assert 1 <= len(told) < 30
    assert not is_served(server, "127.0.0.3")
    told = events(server, "address refused")
    assert told[-1]["peer"].startswith("127.0.0.3:")
    wait_for("the rest", lambda: told_of(
        events(server, "address refused")) == 31)


def test_not_allowed_gets_no_tls_handshake(start_tls, tmp_path):
    server = start_tls("--allow", "127.0.0.2")
    with pytest.raises(OSError):
        server.accepts(payload(alert()))
    assert events(server, "TLS handshake failed") == []


@pytest.mark.parametrize("value", [
    "", "x", "127.0.0.1/33", "127.0.0.1/-1", "127.0.0.1/", "127.0.0", "::1/129",
    "1.2.3.4,", ",1.2.3.4", "1.2.3.4 ,::1", "256.0.0.1", "01.2.3.4", ":::1",
    "localhost", "1.2.3.4/8/8", "10.0.0.1-10.0.0.9", "[::1]", "1:2:3",
    ",".join(["10.0.0.1"] * 33)])
def test_wrong_ranges(value):
    text = ends_with_2("--allow", value)
    assert "--allow" in text and "expected" in text

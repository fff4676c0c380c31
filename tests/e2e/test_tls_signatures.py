"""Who has signed a client's chain: judged from our CA down, so that no stranger
makes the server work with a key of its choice."""
import re
import ssl

import pytest

from helpers import alert, payload, wait_for
from test_tls_chains import CA, joined
from test_tls_clients import WRONG_CA, try_to_post
from tls_helpers import (FOR_CLIENTS, context, expect_refused, failures,
                         pki, start_tls)
from tls_records import CERTIFICATE, FATAL, HANDSHAKE, Peer, message, vector

BAD_CERTIFICATE, UNKNOWN_CA = 42, 48
FORGED = "a signature in the client's chain is wrong"


def authority(pki, name, kind, serial, ca="self"):
    """Another serial is another key of the same name."""
    by = "self" if ca == "self" else ca.cert.stem
    return pki.issue(f"{name}-{kind}-{serial}-{by}", kind, ca=ca, serial=serial,
                     extensions=CA, subject=f"/CN={name}")


def chain(pki, kind, twin=None):
    """A CA, and a client two issuers below it. What `twin` seems to have
    signed, another key of that name has."""
    shown, by = [], "self"
    for i, name in enumerate(["Top", "Upper", "Lower"]):
        real = authority(pki, name, kind, 200 + i, by)
        shown.insert(0, real)
        by = authority(pki, name, kind, 210 + i, by) if name == twin else real
    leaf = pki.issue(f"below-{kind}-{twin}", kind, ca=by, serial=203,
                     extensions=FOR_CLIENTS)
    *issuers, root = shown
    return root, joined(pki, f"signed-{kind}-{twin}.pem", leaf, *issuers)


def ders(pair):
    return [ssl.PEM_cert_to_DER_cert(c) for c in re.findall(
        "-----BEGIN.*?END CERTIFICATE-----\n", pair.cert.read_text(), re.S)]


def show(server, certificates, cut=None):
    """A handshake up to these, and the alerts for them."""
    with server.raw() as c:
        p = Peer(c)
        p.start()
        m = message(CERTIFICATE, vector(3, b"".join(
            vector(3, c) for c in certificates)))
        p.say(m[:cut], pieces=16384)
        return p.alerts()


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048"])
@pytest.mark.parametrize("twin,words", [
    (None, None), ("Lower", FORGED), ("Upper", FORGED), ("Top", WRONG_CA)])
def test_each_signature_counts(kind, twin, words, start_tls, pki):
    root, pair = chain(pki, kind, twin)
    server = start_tls("--tls-client-ca", str(root.cert),
                       client=chain(pki, kind)[1])
    if words is None:
        server.accepts(payload(alert()))
        return
    assert not try_to_post(server, context(pki, pair))
    expect_refused(server, words)
    assert server.lines() == []


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_each_certificate_is_what_was_signed(kind, start_tls, pki):
    """A bit of its serial number, or of its signature, is another."""
    root, pair = chain(pki, kind)
    server = start_tls("--tls-client-ca", str(root.cert), client=pair)
    good = ders(pair)
    server.accepts(payload(alert()))
    for i, der in enumerate(good):
        number = UNKNOWN_CA if i == len(good) - 1 else BAD_CERTIFICATE
        for at in 20, len(der) - 3:
            bent = bytearray(der)
            bent[at] ^= 1
            said = show(server, [*good[:i], bytes(bent), *good[i + 1:]])
            assert said == [(FATAL, number)], (i, at)


@pytest.mark.parametrize("keys,good", [(2, True), (3, True), (4, False)])
def test_new_keys_of_an_old_name(keys, good, start_tls, pki):
    """Each has signed the next one: what states the name of a CA of ours is
    tried with its key, but not in each certificate of a chain."""
    above = [authority(pki, "Roll", "p256", 220)]
    for n in range(1, keys):
        above.insert(0, authority(pki, "Roll", "p256", 220 + n, above[0]))
    leaf = pki.issue(f"rolled-{keys}", ca=above[0], extensions=FOR_CLIENTS)
    pair = joined(pki, f"rolled-{keys}.pem", leaf, *above[:-1])
    server = start_tls("--tls-client-ca", str(above[-1].cert), client=pair)
    assert try_to_post(server, context(pki, pair)) == good
    told = wait_for("the log", lambda: failures(server) or good)
    assert good or WRONG_CA in told[0]["why"]


# --- what strangers cost ----------------------------------------------------

def exponent_key(pki, name):
    """RSA with a public exponent as long as the modulus: to verify costs what
    signing does."""
    if name not in pki.keys:
        pki.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                    "rsa_keygen_bits:2048", "-pkeyopt",
                    f"rsa_keygen_pubexp:{2**2046 + 2**1023 + 1}", "-out", name)
        pki.path(name).chmod(0o600)
        pki.keys[name] = pki.path(name)


def spent_ns(server):
    with open(f"/proc/{server.process.pid}/schedstat") as f:
        return int(f.read().split()[0])


@pytest.mark.parametrize("kind", ["p521", "p384", "rsa4096", "exponent"])
def test_a_stranger_costs_no_more_than_a_client(kind, start_tls, pki):
    """Eight certificates that its own key has signed, each in the name of our
    CA; seven signatures by it would be good."""
    exponent_key(pki, "exponent-230.key")
    exponent_key(pki, "exponent-231.key")
    own = pki.issue(f"stranger-{kind}", kind, ca="self", serial=230,
                    extensions=CA, subject="/CN=Bell CA")
    leaf = pki.issue(f"stranger's-{kind}", kind, ca=own, serial=231,
                     extensions=FOR_CLIENTS)
    shown = [*ders(leaf), *ders(own) * 7]
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    before = spent_ns(server)
    for _ in range(20):
        assert try_to_post(server, context(pki, pki.client()))
    between = spent_ns(server)
    for _ in range(20):
        assert show(server, shown) == [(FATAL, UNKNOWN_CA)]
    assert spent_ns(server) - between < 2 * (between - before)


def test_long_exponent_of_a_client(start_tls, pki):
    """Our own CA has signed it; no other program would have it either."""
    exponent_key(pki, "exponent-1.key")
    client = pki.client("exponent", "exponent")
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    assert not try_to_post(server, context(pki, client))
    expect_refused(server, "exponent of more than 32")


# --- what is announced ------------------------------------------------------

@pytest.mark.parametrize("what,certificates,cut", [
    ("ninth", [b"x"] * 9, 4 + 3 + 8 * 4 + 3),
    ("large", [bytes(1 << 23)], 4 + 3 + 3),
    ("16 KiB in all", [bytes(4000)] * 4 + [bytes(400)],
     4 + 3 + 4 * 4003 + 3)])
def test_refused_where_its_length_is_told(what, certificates, cut, start_tls,
                                          pki):
    """What is announced does not have to come."""
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    assert show(server, certificates, cut) == [(FATAL, BAD_CERTIFICATE)]
    expect_refused(server, "more than 8 certificates, or 16384 bytes")


def test_16_mib_are_not_heard_to_the_end(start_tls, pki):
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    with server.raw() as c:
        p = Peer(c)
        p.start()
        m = message(CERTIFICATE, vector(3, vector(3, bytes(0xffffe0))))
        with pytest.raises(OSError):
            for at in range(0, len(m), 16384):
                p.send(HANDSHAKE, m[at:at + 16384])
    expect_refused(server, "more than 8 certificates, or 16384 bytes")

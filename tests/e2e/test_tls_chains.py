"""Chains of client certificates, judged by `openssl verify` and by bellwire:
what a CA may vouch for, and until when."""
import re
import signal
import subprocess

import pytest

from helpers import alert, payload, run, wait_for
from test_tls_clients import try_to_post
from tls_helpers import (FOR_CLIENTS, FOR_SERVERS, LAST_YEAR, LATER, LONG_AGO,
                         NEXT_AGE, Pair, context, events, expect_refused,
                         failures, pki, secure, start_tls)

CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]


def ca(*more, length=None):
    return [f"basicConstraints=critical,CA:TRUE,pathlen:{length}", CA[1],
            *more] if length is not None else [*CA, *more]


def limits(text, critical=True):
    """nameConstraints; what is in brackets is a directoryName's section."""
    text, _, section = text.partition(" [")
    return ["nameConstraints=" + ("critical," if critical else "") + text,
            *(["[dir]", *section.rstrip("]").split("|")] if section else [])]


def san(text):
    return [*FOR_CLIENTS, "subjectAltName=" + text]


class Chain:
    """root: extensions of the CA; above: those of each issuer between, the
    last one signs the client's; leaf: of that. words: of the refusal."""

    def __init__(self, words=None, root=(), above=(), leaf=(), subject=None,
                 stricter=False, end=None, self_issued=False):
        self.words, self.root, self.above = words, root or ca(), above
        self.leaf, self.subject = leaf or FOR_CLIENTS, subject
        self.stricter, self.end = stricter, end
        self.self_issued = self_issued

    def make(self, pki, name):
        n = re.sub(r"\W", "-", name)
        when = {"start": LONG_AGO, "end": self.end} if self.end else {}
        root = by = pki.issue(f"c-{n}-root", ca="self", serial=40,
                              extensions=self.root, **when)
        others = []
        for i, extensions in enumerate(self.above):
            by = pki.issue(f"c-{n}-{i}", ca=by, serial=41 + i,
                           extensions=extensions,
                           subject=f"/CN=c-{n}-root" if self.self_issued and
                           i == 0 else None)
            others.insert(0, by)
        leaf = pki.issue(f"c-{n}-leaf", ca=by, serial=50,
                         extensions=self.leaf, sign=["-preserveDN"],
                         subject=self.subject or f"/O=Bell/CN=c-{n}")
        chain = pki.write(f"c-{n}.pem", b"".join(
            c.cert.read_bytes() for c in [leaf, *others]))
        return root, Pair(chain, leaf.key), leaf

    def by_openssl(self, pki, root, pair, leaf):
        p = subprocess.run(
            ["openssl", "verify", "-purpose", "sslclient", "-no-CApath",
             "-no-CAstore", "-CAfile", str(root.cert), "-untrusted",
             str(pair.cert), str(leaf.cert)], capture_output=True, timeout=20)
        return p.returncode == 0, p.stderr


USAGE = "issuer in the client's chain is not for clients"
LENGTH = r"path length"
OUTSIDE = "name constraints"
TWO_ROOMS = limits("permitted;DNS:a.example,permitted;DNS:b.example")

CHAINS = {
    # extended key usage, RFC 5280 4.2.1.12; nested, as all do it
    "critical EKU": Chain(leaf=["extendedKeyUsage=critical,clientAuth"]),
    "critical EKU for servers": Chain(
        "not for clients", leaf=["extendedKeyUsage=critical,serverAuth"]),
    "issuer for clients": Chain(above=[ca(*FOR_CLIENTS)]),
    "issuer for both": Chain(
        above=[ca("extendedKeyUsage=serverAuth,clientAuth")]),
    "issuer for any": Chain(
        above=[ca("extendedKeyUsage=anyExtendedKeyUsage")], stricter=None),
    "issuer for servers": Chain(
        USAGE, above=[ca("extendedKeyUsage=serverAuth")]),
    "issuer for servers, critical": Chain(
        USAGE, above=[ca("extendedKeyUsage=critical,serverAuth")]),
    "issuer's issuer for servers": Chain(
        USAGE, above=[ca("extendedKeyUsage=serverAuth"), ca()]),
    "issuer for mail": Chain(
        USAGE, above=[ca("extendedKeyUsage=emailProtection")]),
    "CA for servers": Chain("has expired, or is not for clients",
                            root=ca("extendedKeyUsage=serverAuth")),
    # path length, 4.2.1.9
    "path length 0": Chain(above=[ca(length=0)]),
    "path length 0 of two": Chain(LENGTH, above=[ca(length=0), ca()]),
    "path length 1 of two": Chain(above=[ca(length=1), ca()]),
    "path length 1 of three": Chain(LENGTH, above=[ca(length=1), ca(), ca()]),
    "path length of the CA": Chain(root=ca(length=1), above=[ca()]),
    "path length of the CA, exceeded": Chain(
        LENGTH, root=ca(length=0), above=[ca()]),
    "path length, issued itself": Chain(
        root=ca(length=0), above=[ca()], self_issued=True),
    # name constraints, 4.2.1.10
    "DNS": Chain(above=[ca(*TWO_ROOMS)], leaf=san("DNS:x.b.example")),
    "DNS, the name itself": Chain(
        above=[ca(*TWO_ROOMS)], leaf=san("DNS:B.Example,DNS:a.example")),
    "DNS outside": Chain(OUTSIDE, above=[ca(*TWO_ROOMS)],
                         leaf=san("DNS:x.a.example,DNS:c.example")),
    "DNS that only ends alike": Chain(
        OUTSIDE, above=[ca(*TWO_ROOMS)], leaf=san("DNS:xa.example")),
    "DNS outside, not critical": Chain(
        OUTSIDE, above=[ca(*limits("permitted;DNS:a.example", False))],
        leaf=san("DNS:c.example")),
    "DNS by the CA": Chain(root=ca(*TWO_ROOMS), leaf=san("DNS:a.example")),
    "DNS outside of the CA": Chain(
        OUTSIDE, root=ca(*TWO_ROOMS), leaf=san("DNS:c.example")),
    "DNS outside of the CA, below another": Chain(
        OUTSIDE, root=ca(*TWO_ROOMS), above=[ca()],
        leaf=san("DNS:c.example")),
    "DNS outside of the second": Chain(
        OUTSIDE, above=[ca(*TWO_ROOMS), ca(*limits("permitted;DNS:b.example"))],
        leaf=san("DNS:a.example")),
    "DNS below a dot": Chain(above=[ca(*limits("permitted;DNS:.a.example"))],
                             leaf=san("DNS:x.a.example")),
    "DNS excluded": Chain(
        OUTSIDE, above=[ca(*limits("excluded;DNS:a.example"))],
        leaf=san("DNS:x.a.example")),
    "DNS not excluded": Chain(above=[ca(*limits("excluded;DNS:a.example"))],
                              leaf=san("DNS:x.b.example")),
    "DNS permitted and excluded": Chain(
        OUTSIDE, above=[ca(*limits(
            "permitted;DNS:example,excluded;DNS:a.example"))],
        leaf=san("DNS:x.a.example")),
    "DNS for one without DNS names": Chain(above=[ca(*TWO_ROOMS)],
                                           leaf=san("URI:spiffe://c/x")),
    "CN as a DNS name": Chain(OUTSIDE, above=[ca(*TWO_ROOMS)],
                              subject="/CN=c.example"),
    "CN as a DNS name within": Chain(above=[ca(*TWO_ROOMS)],
                                     subject="/CN=c.a.example"),
    "CN beside a DNS name": Chain(above=[ca(*TWO_ROOMS)],
                                  subject="/CN=c.example",
                                  leaf=san("DNS:a.example")),
    "CN that is no DNS name": Chain(above=[ca(*TWO_ROOMS)],
                                    subject="/CN=ringer"),
    "IP": Chain(above=[ca(*limits("permitted;IP:10.0.0.0/255.0.0.0"))],
                leaf=san("IP:10.1.2.3")),
    "IP outside": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;IP:10.0.0.0/255.0.0.0"))], leaf=san("IP:11.1.2.3")),
    "IPv6 outside": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;IP:10.0.0.0/255.0.0.0"))], leaf=san("IP:fd00::1")),
    "IPv6": Chain(above=[ca(*limits(
        "permitted;IP:fd00::/ff00::"))], leaf=san("IP:fd00::1")),
    "IP excluded": Chain(OUTSIDE, above=[ca(*limits(
        "excluded;IP:10.0.0.0/255.0.0.0"))], leaf=san("IP:10.1.2.3")),
    "email of a host": Chain(above=[ca(*limits("permitted;email:a.example"))],
                             leaf=san("email:amy@A.example")),
    "email of another host": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;email:a.example"))], leaf=san("email:amy@x.a.example")),
    "email below": Chain(above=[ca(*limits("permitted;email:.a.example"))],
                         leaf=san("email:amy@x.a.example")),
    "email of one": Chain(above=[ca(*limits(
        "permitted;email:amy@a.example"))], leaf=san("email:amy@a.example")),
    "email of another": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;email:amy@a.example"))], leaf=san("email:bob@a.example")),
    "email in the subject": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;email:a.example"))],
        subject="/CN=x/emailAddress=amy@c.example"),
    "URI": Chain(above=[ca(*limits("permitted;URI:a.example"))],
                 leaf=san("URI:spiffe://a.example/x")),
    "URI below": Chain(above=[ca(*limits("permitted;URI:.a.example"))],
                       leaf=san("URI:https://x.a.example:8443/y?z")),
    "URI outside": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;URI:a.example"))], leaf=san("URI:spiffe://c.example/x")),
    "subject": Chain(above=[ca(*limits("permitted;dirName:dir [O=Bell]"))]),
    "subject in other letters": Chain(above=[ca(*limits(
        "permitted;dirName:dir [O=bell  ltd]"))],
        subject="/O=BELL Ltd /CN=x"),
    "subject outside": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;dirName:dir [O=Bell]"))], subject="/O=Other/CN=x"),
    "subject that begins otherwise": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;dirName:dir [O=Bell]"))], subject="/CN=x/O=Bell"),
    "subject excluded": Chain(OUTSIDE, above=[ca(*limits(
        "excluded;dirName:dir [O=Bell]"))], subject="/O=bELL/CN=x"),
    "subject not excluded": Chain(above=[ca(*limits(
        "excluded;dirName:dir [O=Bell|CN=y]"))]),
    "issuer's subject outside": Chain(OUTSIDE, above=[ca(*limits(
        "permitted;dirName:dir [O=Bell]")), ca()]),
    "a limit that is not understood": Chain(
        OUTSIDE, above=[ca(*limits("permitted;RID:1.2.3.4"))],
        stricter=True),
    # dates
    "CA that has expired": Chain("has expired, or is not for clients",
                                 end=LAST_YEAR),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name, start_tls, pki):
    """Refused by both or taken by both; `stricter` where bellwire is, None
    where this OpenSSL is."""
    chain = CHAINS[name]
    root, pair, leaf = chain.make(pki, name)
    if chain.stricter is not None:
        good, why = chain.by_openssl(pki, root, pair, leaf)
        assert good == (chain.words is None or chain.stricter), why
    server = start_tls("--tls-client-ca", str(root.cert), client=pair)
    if chain.words is None:
        server.accepts(payload(alert()))
        assert failures(server) == []
    else:
        assert not try_to_post(server, context(pki, pair))
        told = wait_for("the log", lambda: failures(server))
        assert re.search(chain.words, told[0]["why"]), told


def test_names_are_kept_of_a_chain_that_is_long(start_tls, pki):
    """Seven issuers, and the first of them says what the client may be."""
    for inside in True, False:
        chain = Chain(above=[ca(*TWO_ROOMS)] + [ca()] * 6, leaf=san(
            ",".join(f"DNS:x{i}.{'ab'[i % 2]}.example" for i in range(30)) +
            ("" if inside else ",DNS:c.example")))
        root, pair, _ = chain.make(pki, f"long{inside}")
        server = start_tls("--tls-client-ca", str(root.cert), client=pair)
        assert try_to_post(server, context(pki, pair)) == inside


def test_comparisons_are_bounded(start_tls, pki):
    """100 names and 100 limits are more than the 4096 that are made."""
    for count, good in ((60, True), (100, False)):
        many = [f"n{i}.e" for i in range(count)]
        chain = Chain(root=ca(*limits(",".join(
            f"permitted;DNS:{n}" for n in many))), leaf=san(",".join(
                f"DNS:{n}" for n in many)))
        root, pair, leaf = chain.make(pki, f"many{count}")
        assert chain.by_openssl(pki, root, pair, leaf)[0]
        server = start_tls("--tls-client-ca", str(root.cert), client=pair)
        assert try_to_post(server, context(pki, pair)) == good, server.log()


def test_rsa_of_8192_bits_is_called_too_large(start_tls, pki):
    server = start_tls("--tls-client-ca", str(pki.ca.cert),
                       client=pki.client())
    client = pki.client("giant", "rsa8192")
    assert not try_to_post(server, context(pki, client))
    expect_refused(server, "too large .RSA of more than 4096 bits")


# --- the files at start -----------------------------------------------------

def old_ca(pki):
    return pki.issue("old-ca", ca="self", serial=60, extensions=CA,
                     start=LONG_AGO, end=LAST_YEAR)


CA_WARNINGS = {
    "expired": (old_ca, "old-ca has expired, it lets nobody in"),
    "not yet valid": (lambda pki: pki.issue(
        "young-ca", ca="self", serial=61, extensions=CA, start=NEXT_AGE,
        end=LATER), "young-ca is not yet valid, it lets nobody in"),
    "for servers": (lambda pki: pki.issue(
        "server-ca", ca="self", serial=62,
        extensions=ca("extendedKeyUsage=serverAuth")),
        "server-ca is not for clients"),
}


@pytest.mark.parametrize("what", CA_WARNINGS)
def test_ca_that_is_no_good(what, start_tls, pki):
    """A warning at start and by check; nobody gets in by it, another CA in
    the same file goes on."""
    make, words = CA_WARNINGS[what]
    bad = make(pki)
    client = pki.client("of-" + what.replace(" ", "-"), ca=bad)
    file = pki.write("ca-" + what.replace(" ", "-") + ".pem",
                     bad.cert.read_bytes() + pki.ca.cert.read_bytes())
    p = run("check", *pki.server().options, "--tls-client-ca", str(file))
    assert p.returncode == 0 and words in p.stderr.decode(), p
    server = start_tls("--tls-client-ca", str(file), client=pki.client())
    told, = events(server, "CA of TLS clients")
    assert words in told["why"] and told["file"] == str(file)
    assert told["level"] == "warn"
    server.accepts(payload(alert()))
    assert not try_to_post(server, context(pki, client))
    expect_refused(server, "has expired, or is not for clients")
    server.signal(signal.SIGHUP)
    wait_for("told again", lambda: len(
        events(server, "CA of TLS clients")) == 2)


def test_only_an_expired_ca_shuts_all_out(start_tls, pki):
    """And does not open the door to those without a certificate."""
    ca = old_ca(pki)
    server = start_tls("--tls-client-ca", str(ca.cert))
    assert not try_to_post(server, context(pki))
    assert not try_to_post(server, context(pki, pki.client()))
    assert not try_to_post(server, context(pki, pki.client("aged", ca=ca)))
    wait_for("counted", lambda: len(failures(server)) >= 1)
    assert server.lines() == []


def joined(pki, name, *pairs):
    return Pair(pki.write(name, b"".join(
        p.cert.read_bytes() for p in pairs)), pairs[0].key)


def own_chain(pki):
    upper = pki.issue("own-upper", serial=70, extensions=CA)
    lower = pki.issue("own-lower", serial=71, extensions=CA, ca=upper)
    leaf = pki.issue("own-leaf", ca=lower, extensions=FOR_SERVERS)
    return leaf, lower, upper


OWN_WARNINGS = {
    "out of order": (lambda pki: joined(pki, "order.pem", own_chain(pki)[0],
                                        *own_chain(pki)[:0:-1]),
                     "^certificate 2 is out of order"),
    "unrelated": (lambda pki: joined(pki, "unrelated.pem", pki.server(),
                                     own_chain(pki)[2]),
                  "^certificate 2 is unrelated"),
    "not for servers": (lambda pki: pki.client(),
                        "^the certificate is not for servers"),
    "expired": (lambda pki: pki.issue(
        "own-old", start=LONG_AGO, end=LAST_YEAR, extensions=FOR_SERVERS),
        "^the certificate has expired"),
    "not yet valid": (lambda pki: pki.issue(
        "own-young", start=NEXT_AGE, end=LATER, extensions=FOR_SERVERS),
        "^the certificate is not yet valid"),
    "issuer expired": (lambda pki: joined(
        pki, "issuer-old.pem", pki.issue("by-old-ca", ca=old_ca(pki),
                                         extensions=FOR_SERVERS),
        old_ca(pki)), "^certificate 2 has expired"),
}


@pytest.mark.parametrize("what", OWN_WARNINGS)
def test_own_chain_that_clients_will_not_like(what, start, pki):
    make, words = OWN_WARNINGS[what]
    pair = make(pki)
    p = run("check", *pair.options)
    assert p.returncode == 0 and "level=warn" in p.stderr.decode(), p
    told, = events(start(*pair.options), "TLS certificate")
    assert re.search(words, told["why"]), told
    assert told["file"] == str(pair.cert)


def test_good_chain_is_no_warning(start, pki):
    pair = joined(pki, "good.pem", *own_chain(pki))
    server = start(*pair.options, "--tls-client-ca", str(pki.ca.cert))
    assert not [line for line in server.log_lines() if "level=warn" in line]

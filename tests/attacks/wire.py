"""Bytes that no well-behaved client sends: records, hellos, certificates."""
import ssl
import subprocess

ALERT, HANDSHAKE, DATA = 21, 22, 23
MOST = 16384  # bytes of a record's payload


def record(kind, payload, version=b"\x03\x03"):
    return bytes([kind]) + version + len(payload).to_bytes(2, "big") + payload


def records(kind, payload, size=MOST):
    return b"".join(record(kind, payload[i:i + size])
                    for i in range(0, len(payload), size))


def message(kind, body):
    """Of a handshake, RFC 5246 7.4."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def hello():
    """What OpenSSL says first, as a handshake message."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.set_ciphers("ECDHE+AESGCM")
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()[5:]


def stuffed_hello():
    """With an extension that fills all that a length of two bytes can."""
    said = hello()[4:]
    at = 2 + 32
    at += 1 + said[at]
    at += 2 + int.from_bytes(said[at:at + 2], "big")
    at += 1 + said[at]
    extensions = said[at + 2:]
    room = 65535 - len(extensions) - 4
    extensions += b"\xff\x77" + room.to_bytes(2, "big") + bytes(room)
    return message(1, said[:at] + len(extensions).to_bytes(2, "big") +
                   extensions)


WARNING = record(ALERT, b"\x01\x5a")  # user_canceled
HELLO_REQUEST = record(HANDSHAKE, message(0, b""))


class Chains:
    """Certificates that no CA of the server's has issued, by keys whose
    signatures are dear to verify. Each is signed by the next one, which is the
    same one over and over."""

    def __init__(self, pki):
        self.pki = pki

    def der(self, pair):
        return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())

    def authority(self, kind):
        if kind == "exponent":
            self.exponent_key()
        return self.pki.authority(f"Chain {kind}", kind)

    def exponent_key(self):
        """RSA with a public exponent as long as the modulus: verifying then
        costs what signing does."""
        name = "exponent-100.key"
        if name in self.pki.keys:
            return
        self.pki.openssl(
            "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
            "-pkeyopt", f"rsa_keygen_pubexp:{2**2046 + 2**1023 + 1}", "-out",
            name)
        self.pki.keys[name] = self.pki.path(name)

    def flight(self, kind, certificates):
        """A ClientHello and such a Certificate message, as records."""
        ca = self.authority(kind)
        leaf = self.pki.client(f"leaf-{kind}", ca=ca)
        chain = [self.der(leaf)] + [self.der(ca)] * (certificates - 1)
        listed = b"".join(len(c).to_bytes(3, "big") + c for c in chain)
        return records(HANDSHAKE, hello()) + records(
            HANDSHAKE, message(11, len(listed).to_bytes(3, "big") + listed))


def version():
    return subprocess.run(["openssl", "version"], capture_output=True,
                          text=True, check=True).stdout.split(" (")[0].strip()

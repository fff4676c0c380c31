"""A client of TLS 1.2 of the tests' own, record by record: it can say what no
library would. One suite, ECDHE_ECDSA with ChaCha20-Poly1305 (RFC 7905), one
curve, X25519 (RFC 7748); the server's signature is not looked at."""
import hashlib
import hmac
import os
import struct

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 0, 1, 2, 11
SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE, FINISHED = 14, 16, 20
WARNING, FATAL = 1, 2
CLOSE_NOTIFY, NO_RENEGOTIATION, USER_CANCELED = 0, 100, 90
EMS = 23  # extended master secret, RFC 7627
TLS12 = b"\x03\x03"


# --- what is computed -------------------------------------------------------

P = 2 ** 255 - 19


def x25519(k, u):
    """RFC 7748 5, by the ladder; not in constant time."""
    k = bytearray(k)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(u, "little") % 2 ** 255
    x2, z2, x3, z3 = 1, 0, x1, 1
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        aa, bb = a * a % P, b * b % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE = (9).to_bytes(32, "little")


def prf(secret, label, seed, n):
    """RFC 5246 5, with SHA-256."""
    seed, a, out = label + seed, label + seed, b""
    while len(out) < n:
        a = hmac.digest(secret, a, "sha256")
        out += hmac.digest(secret, a + seed, "sha256")
    return out[:n]


def chacha20(key, counter, nonce, data):
    """RFC 8439 2.4."""
    def quarter(s, a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8),
                           (c, d, b, 7)):
            s[x] = s[x] + s[y] & 0xffffffff
            w = s[z] ^ s[x]
            s[z] = (w << n | w >> 32 - n) & 0xffffffff
    out = bytearray()
    for at in range(0, len(data), 64):
        start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
                 *struct.unpack("<8I", key), counter,
                 *struct.unpack("<3I", nonce)]
        counter += 1
        s = start[:]
        for _ in range(10):
            for i in range(4):
                quarter(s, i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4,
                        12 + (i + 3) % 4)
        block = struct.pack("<16I", *((x + y) & 0xffffffff
                                      for x, y in zip(s, start)))
        out += bytes(x ^ y for x, y in zip(block, data[at:at + 64]))
    return bytes(out)


def poly1305(key, message):
    """RFC 8439 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    total = 0
    for at in range(0, len(message), 16):
        piece = message[at:at + 16] + b"\1"
        total = (total + int.from_bytes(piece, "little")) * r % (2 ** 130 - 5)
    total += int.from_bytes(key[16:], "little")
    return (total & 2 ** 128 - 1).to_bytes(16, "little")


def padded(data):
    return data + bytes(-len(data) % 16)


class Sealed:
    """One direction's keys: records closed and opened, in sequence."""

    def __init__(self, key, iv):
        self.key, self.iv, self.sequence = key, iv, 0

    def tag(self, nonce, head, sealed):
        return poly1305(chacha20(self.key, 0, nonce, bytes(32)), padded(head) +
                        padded(sealed) +
                        struct.pack("<QQ", len(head), len(sealed)))

    def next(self):
        n = self.sequence.to_bytes(8, "big")
        self.sequence += 1
        return n, bytes(x ^ y for x, y in zip(self.iv, bytes(4) + n))

    def seal(self, kind, data, version=TLS12):
        n, nonce = self.next()
        head = n + bytes([kind]) + version + struct.pack(">H", len(data))
        sealed = chacha20(self.key, 1, nonce, data)
        return sealed + self.tag(nonce, head, sealed)

    def open(self, kind, data):
        n, nonce = self.next()
        sealed, tag = data[:-16], data[-16:]
        head = n + bytes([kind]) + TLS12 + struct.pack(">H", len(sealed))
        assert tag == self.tag(nonce, head, sealed), "a forged record"
        return chacha20(self.key, 1, nonce, sealed)


# --- what is said -----------------------------------------------------------

def message(kind, body, length=None):
    n = len(body) if length is None else length
    return bytes([kind]) + n.to_bytes(3, "big") + body


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def extension(kind, data=b""):
    return struct.pack(">H", kind) + vector(2, data)


class Closed(Exception):
    """By the other side, in order."""


class Peer:
    """A client over a raw Client; each step can be done, or left out."""

    def __init__(self, connection):
        self.connection = connection
        self.random = os.urandom(32)
        self.secret = os.urandom(32)
        self.transcript = b""
        self.writing = self.reading = None
        self.received = self.messages = b""
        self.extended = False  # the server has agreed to EMS

    # sending

    def record(self, kind, data, version=TLS12, length=None):
        """What a record looks like, sealed if that has begun."""
        if self.writing:
            data = self.writing.seal(kind, data, version)
        n = len(data) if length is None else length
        return bytes([kind]) + version + struct.pack(">H", n) + data

    def send(self, kind, data, **how):
        self.connection.send(self.record(kind, data, **how))

    def say(self, *messages, pieces=None, **how):
        """Handshake messages, each in a record, or cut into pieces."""
        for m in messages:
            self.transcript += m
            for at in range(0, len(m), pieces or len(m)):
                self.send(HANDSHAKE, m[at:at + (pieces or len(m))], **how)

    def hello(self, more=b"", suites=b"\xcc\xa9", ems=False, **how):
        extensions = extension(10, vector(2, b"\0\x1d")) + \
            extension(11, vector(1, b"\0")) + \
            extension(13, vector(2, b"\4\3")) + \
            extension(0xff01, b"\0") + \
            (extension(EMS) if ems else b"") + more
        return message(CLIENT_HELLO, TLS12 + self.random + b"\0" +
                       vector(2, suites) + b"\1\0" + vector(2, extensions),
                       **how)

    def key_exchange(self):
        """The message; from here on the keys are known."""
        m = message(CLIENT_KEY_EXCHANGE,
                    vector(1, x25519(self.secret, BASE)))
        shared = x25519(self.secret, self.server_point)
        if self.extended:
            seed = hashlib.sha256(self.transcript + m).digest()
            self.master = prf(shared, b"extended master secret", seed, 48)
        else:
            self.master = prf(shared, b"master secret",
                              self.random + self.server_random, 48)
        block = prf(self.master, b"key expansion",
                    self.server_random + self.random, 88)
        self.mine = Sealed(block[:32], block[64:76])
        self.theirs = Sealed(block[32:64], block[76:88])
        return m

    def change(self, data=b"\1"):
        self.send(CCS, data)
        self.writing = self.mine

    def finished(self, whose=b"client"):
        return message(FINISHED, prf(
            self.master, whose + b" finished",
            hashlib.sha256(self.transcript).digest(), 12))

    # receiving

    def _need(self, n):
        while len(self.received) < n:
            more = self.connection.socket.recv(65536)
            if not more:
                raise Closed
            self.received += more

    def next_record(self):
        self._need(5)
        kind, n = self.received[0], int.from_bytes(self.received[3:5], "big")
        assert self.received[1:3] == TLS12, self.received[:5]
        self._need(5 + n)
        data = self.received[5:5 + n]
        self.received = self.received[5 + n:]
        if self.reading:
            data = self.reading.open(kind, data)
        return kind, data

    def next_message(self):
        while len(self.messages) < 4 or len(self.messages) < \
                4 + int.from_bytes(self.messages[1:4], "big"):
            kind, data = self.next_record()
            assert kind == HANDSHAKE, (kind, data)
            self.messages += data
        n = 4 + int.from_bytes(self.messages[1:4], "big")
        m, self.messages = self.messages[:n], self.messages[n:]
        return m

    def alerts(self):
        """All that come until the server closes, which it must do in order,
        and soon."""
        found = []
        try:
            while True:
                kind, data = self.next_record()
                if kind == ALERT:
                    found.append(tuple(data))
        except Closed:
            assert self.received == b"", self.received
            return found

    # a handshake, as it should be

    def listen(self):
        """The server's first flight."""
        kind = None
        while kind != SERVER_HELLO_DONE:
            m = self.next_message()
            kind = m[0]
            self.transcript += m
            if kind == SERVER_HELLO:
                self.server_random = m[6:38]
                at = 39 + m[38] + 3
                rest = m[at + 2:]
                while rest:
                    of, n = struct.unpack(">HH", rest[:4])
                    self.extended |= of == EMS
                    rest = rest[4 + n:]
            elif kind == 12:
                assert m[4:8] == b"\x03\0\x1d\x20", m[:9]
                self.server_point = m[8:40]
            elif kind == 13:
                self.asked = True

    def start(self, **how):
        self.say(self.hello(**how))
        self.listen()

    def expect_finished(self):
        kind, data = self.next_record()
        assert (kind, data) == (CCS, b"\1"), (kind, data)
        self.reading = self.theirs
        m = self.next_message()
        assert m == self.finished(b"server")
        self.transcript += m

    def finish(self):
        self.say(self.key_exchange())
        self.change()
        self.say(self.finished())
        self.expect_finished()

    def greet(self):
        self.start()
        self.finish()
        return self

    def ask(self, request):
        self.send(DATA, request)
        return self.answer()

    def answer(self):
        got = b""
        while b"\r\n\r\n" not in got:
            kind, data = self.next_record()
            assert kind == DATA, (kind, data)
            got += data
        return got

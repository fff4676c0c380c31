"""Connections for the comparison of HTTP parsers: valid requests, known vectors
of request smuggling, and mutations of both. The same seed gives the same
cases."""
import random

HOST = b"Host: a\r\n"


def post(fields, body, line=b"POST /webhook HTTP/1.1"):
    return line + b"\r\n" + HOST + fields + b"\r\n" + body


def chunked(body, fields=b"Transfer-Encoding: chunked\r\n"):
    return post(fields, body)


def get(line=b"GET /-/healthy HTTP/1.1", fields=HOST):
    return line + b"\r\n" + fields + b"\r\n"


VALID = [
    get(),
    get(b"HEAD /metrics HTTP/1.1"),
    get(b"GET /alerts?x=1&y HTTP/1.1", HOST + b"Accept: text/plain\r\n"),
    get(b"GET http://a/alerts HTTP/1.1"),
    get(b"OPTIONS * HTTP/1.1"),
    get(b"DELETE /a HTTP/1.1"),
    get(b"GET / HTTP/1.0", b""),
    get(b"GET / HTTP/1.0", b"Connection: keep-alive\r\n"),
    get(fields=HOST + b"Connection: close\r\n"),
    get(fields=b"host:a:80\r\nX-Empty:\r\nX:\t a b \t\r\n"),
    get(fields=HOST + b"X-Obs: \xe4\xf6\xfc\r\nCookie: a=b; c=\"d\"\r\n"),
    b"\r\n" + get(),
    post(b"Content-Length: 5\r\n", b"abcde"),
    post(b"Content-Length: 0\r\n", b""),
    post(b"content-length:  3\t\r\n", b"abc"),
    post(b"Content-Length: 0003\r\n", b"abc"),
    post(b"Content-Type: application/json\r\nContent-Length: 2\r\n", b"{}"),
    post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}"),
    post(b"Content-Length: 4\r\n", b"abcd", b"PUT /webhook HTTP/1.0"),
    chunked(b"0\r\n\r\n"),
    chunked(b"5\r\nabcde\r\n0\r\n\r\n"),
    chunked(b"1\r\na\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
    chunked(b"3;a=b;c=\"d e\";f\r\nabc\r\n0;g\r\n\r\n"),
    chunked(b"3\r\nabc\r\n0\r\nX-Trailer: y\r\nZ:\r\n\r\n"),
    chunked(b"2\r\n\r\n\r\n0\r\n\r\n", b"transfer-encoding:\tCHUNKED \r\n"),
]

# Values of Transfer-Encoding and Content-Length that parsers disagree on.
CODINGS = [
    b"chunked", b" chunked", b"\tchunked", b"chunked ", b"chunked\t",
    b"Chunked", b"chunked,", b",chunked", b", chunked", b"chunked, chunked",
    b"identity", b"identity, chunked", b"chunked, identity", b"gzip, chunked",
    b"gzip", b"chunked;q=1", b"chunked; foo", b"\"chunked\"", b"'chunked'",
    b"xchunked", b"chunkedx", b"chunked\x0b", b"\x0bchunked", b"chunked\x00",
    b"chunk", b"", b"\xa0chunked", b"chunked\x0c", b"cow", b"chunked\r\n\t",
]
LENGTHS = [
    b"5", b"+5", b"-5", b"5,5", b"5, 5", b"5 5", b"5;", b"0x5", b"5\x00",
    b"5\x0b", b"", b" ", b"05", b"5.0", b"5e0", b"\xef\xbc\x95", b"5,",
    b",5", b"five", b"99999999999999999999", b"18446744073709551621", b"0",
    b"1", b"\"5\"", b"_5", b"5_0",
]
SIZES = [
    b"5", b"05", b"000000000000005", b"0000000000000000000000005", b"0x5",
    b"+5", b"-5", b" 5", b"5 ", b"5\t", b"5;", b"5;a", b"5;a=", b"5;=b",
    b"5;a=b", b"5; a=b", b"5 ;a=b", b"5;a=\"b\"", b"5;a=\"b", b"5;a=\"\r\n\"",
    b"5;\n", b"5;a\nb", b"5;a\rb", b"5\n", b"5\r", b"5;\x00", b"5g", b"",
    b"5,", b"5;a b", b"5;a=\"\\\"\"", b"FFFFFFFFFFFFFFFF5",
    b"10000000000000005", b"5_0", b"5;a=b;", b"5\x0b", b";", b"5;;a",
    b"5;a=b=c", b"5;\x80",
]
ENDS = [b"0\r\n\r\n", b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"0\r\n", b"0\r\nX\r\n\r\n",
        b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\n\r\n",
        b"0\r\nX: y\r\n\n", b"0\r\n\rX", b"0;a\r\n\r\n", b"00\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nX: \x00\r\n\r\n",
        b"0\r\n: y\r\n\r\n", b"0 \r\n\r\n", b"0\r\r\n\r\n"]
FIELDS = [
    b"X : y", b"X\t: y", b" X: y", b"\tX: y", b"X", b"X y", b": y", b"",
    b"X: y\n", b"X: y\rZ: w", b"X: y\nZ: w", b"X: \x00", b"X\x00: y",
    b"X: \x01", b"X: \x7f", b"X: \x0b", b"X: y\r\n z", b"X: y\r\n\tz",
    b"X:\r\n y", b"X\x80: y", b"X(: y", b"X{}: y", b"X/: y", b"X@: y",
    b"X;: y", b"X\": y", b"X[: y", b"X': y", b"X=: y", b"X: \xff",
    b"Host: b", b"Host:", b"host: a", b"Host : a", b"X: y\r", b"\r",
]
HOSTS = [
    b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host:\r\n",
    b"Host: a b\r\n", b"Host: a,b\r\n", b"Host: a/b\r\n", b"Host: a@b\r\n",
    b"Host: [::1]:80\r\n", b"Host: a:\r\n", b"Host: \xe4\r\n", b"Host: a#b\r\n",
    b"Host: a?b\r\n", b"Host: a\\b\r\n", b"Host: a\x00\r\n", b"hOST: a\r\n",
]
LINES = [
    b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET\t/ HTTP/1.1",
    b"GET /\tHTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1 ",
    b"GET / HTTP/1.1\t", b"GET / HTTP/1.2", b"GET / HTTP/1.10",
    b"GET / HTTP/01.1", b"GET / HTTP/1", b"GET / HTTP/1.", b"GET / HTTP/11",
    b"GET / HTTP/0.9", b"GET / HTTP/2.0", b"GET / HTTP/3.0", b"GET / http/1.1",
    b"GET / HTTPS/1.1", b"GET / HTTP /1.1", b"GET /", b"GET", b"/", b"",
    b"get / HTTP/1.1", b"GE T / HTTP/1.1", b"G=T / HTTP/1.1",
    b"G(T / HTTP/1.1", b"BREW / HTTP/1.1", b"GETX / HTTP/1.1",
    b"GET a HTTP/1.1", b"GET * HTTP/1.1", b"GET a:80 HTTP/1.1",
    b"GET ?a HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http://a HTTP/1.1",
    b"GET http://a?b HTTP/1.1", b"GET https://a:1/b HTTP/1.1",
    b"GET ftp://a/ HTTP/1.1", b"GET //a/b HTTP/1.1", b"GET /a#b HTTP/1.1",
    b"GET /\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\x80 HTTP/1.1",
    b"GET /\xc3\xa4 HTTP/1.1", b"GET /a\x0bb HTTP/1.1", b"GET /\\ HTTP/1.1",
    b"GET /%00 HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /\r HTTP/1.1",
    b"GET /\" HTTP/1.1", b"GET /<> HTTP/1.1", b"GET /{|}^` HTTP/1.1",
    b"CONNECT a:80 HTTP/1.1", b"CONNECT /a HTTP/1.1", b"OPTIONS a HTTP/1.1",
    b"PRI * HTTP/2.0", b"PATCH / HTTP/1.1", b"TRACE / HTTP/1.1",
    b"PROPFIND / HTTP/1.1", b"GET / HTTP/1.1\x00", b"\x00GET / HTTP/1.1",
    b"GET / HTTP/1.1\rX: y", b"GET / HTTP/1,1", b"GET /" + b"a" * 5000 + b" HTTP/1.1",
]

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def vectors():
    """What is known to be taken apart in different ways."""
    te, cl = b"Transfer-Encoding: ", b"Content-Length: "
    body = b"5\r\nabcde\r\n0\r\n\r\n"
    for c in CODINGS:
        yield chunked(body, te + c + b"\r\n")
        yield chunked(body, te + c + b"\r\n" + te + b"chunked\r\n")
        yield chunked(body, te + b"chunked\r\n" + te + c + b"\r\n")
        for order in 0, 1:
            both = [cl + b"15\r\n", te + c + b"\r\n"]
            yield chunked(body, both[order] + both[1 - order])
        yield chunked(b"0\r\n\r\n" + HIDDEN, cl + b"5\r\n" + te + c + b"\r\n")
        yield post(te + c + b"\r\n", body, b"POST / HTTP/1.0")
    for name in (b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer_Encoding",
                 b"Transfer-Encoding\x00", b"transfer-encoding", b"X\nTransfer-Encoding",
                 b"X: y\nTransfer-Encoding", b"X: y\rTransfer-Encoding",
                 b"Transfer-Encoding\r\n "):
        yield chunked(body, cl + b"15\r\n" + name + b": chunked\r\n")
        yield chunked(body, name + b": chunked\r\n")
    for n in LENGTHS:
        yield post(cl + n + b"\r\n", b"abcde")
        yield post(cl + n + b"\r\n" + cl + b"5\r\n", b"abcde")
        yield post(cl + b"5\r\n" + cl + n + b"\r\n", b"abcde")
        yield get(fields=HOST + cl + n + b"\r\n") + b"abcde" + HIDDEN
    for s in SIZES:
        yield chunked(s + b"\r\nabcde\r\n0\r\n\r\n")
        yield chunked(s + b"\nabcde\n0\n\n")
        yield chunked(b"1\r\na\r\n" + s + b"\r\nabcde\r\n0\r\n\r\n" + HIDDEN)
    for e in ENDS:
        yield chunked(b"5\r\nabcde\r\n" + e)
        yield chunked(e + HIDDEN)
    for wrong in (b"5\r\nabcd\r\n0\r\n\r\n", b"5\r\nabcdef\r\n0\r\n\r\n",
                  b"5\r\nabcde0\r\n\r\n", b"5\r\nabcde\n0\r\n\r\n",
                  b"5\r\nabcdeXX0\r\n\r\n", b"5\r\nabcde\r\r\n0\r\n\r\n"):
        yield chunked(wrong)
    for f in FIELDS:
        yield get(fields=HOST + f + b"\r\n")
        yield get(fields=f + b"\r\n" + HOST)
        yield post(cl + b"5\r\n" + f + b"\r\n", b"abcde" + HIDDEN)
    for h in HOSTS:
        yield get(fields=h)
        yield get(b"GET http://a/ HTTP/1.1", h)
        yield get(b"GET / HTTP/1.0", h)
    for line in LINES:
        yield get(line)
        yield get(line, HOST + cl + b"5\r\n") + b"abcde" + HIDDEN
    for front in (b"\r\n\r\n", b"\n", b"\r", b" ", b"\r\n\r\n\r\n", b"\x00", b"\n\n"):
        yield front + get()
        yield get() + front + get()
    for c in (b"close", b"keep-alive", b"Close", b"close, keep-alive", b"upgrade",
              b"keep-alive, close", b"te", b"", b"close\x00", b"content-length"):
        yield get(fields=HOST + b"Connection: " + c + b"\r\n") + HIDDEN
        yield get(b"GET / HTTP/1.0", b"Connection: " + c + b"\r\n") + HIDDEN
        yield post(b"Connection: " + c + b"\r\n" + cl + b"5\r\n", b"abcde" + HIDDEN)
    yield get(fields=HOST + b"Upgrade: websocket\r\nConnection: upgrade\r\n") + HIDDEN
    yield get(fields=HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
              b"HTTP2-Settings: AA\r\n") + HIDDEN
    yield get(fields=HOST + b"Expect: something\r\n")
    yield post(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"abcde" + HIDDEN)
    yield get().replace(b"\r\n", b"\n")
    yield post(cl + b"5\r\n", b"abcde").replace(b"\r\n", b"\n")
    yield HIDDEN[:-2]
    for lines in 64, 200:
        yield get(fields=HOST + b"X: y\r\n" * lines)


SPECIAL = [bytes([c]) for c in b" \t\r\n\0\x0b\x0c\x7f\x80\xff,;:=\"\\/+-_0159aAfFxX"] + [
    b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\n ", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"0\r\n\r\n", b"chunked",
    b"identity", b"HTTP/1.0", b"HTTP/1.1", b"Connection: close\r\n"]


def mutate(rng, case):
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, kind = rng.randrange(len(case) + 1), rng.randrange(8)
        if kind == 0:
            case = case[:at] + rng.choice(SPECIAL) + case[at:]
        elif kind == 1:
            case = case[:at] + rng.choice(SPECIAL) + case[at + 1:]
        elif kind == 2:
            case = case[:at] + case[at + rng.choice((1, 1, 2, 5)):]
        elif kind == 3:  # a line twice, gone, or elsewhere
            lines = case.split(b"\r\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            how = rng.randrange(3)
            if how == 0:
                lines.insert(j, lines[i])
            elif how == 1:
                lines.insert(j, lines.pop(i))
            else:
                del lines[i]
            case = b"\r\n".join(lines)
        elif kind == 4:  # one line ends otherwise
            parts = case.split(b"\r\n")
            if len(parts) > 1:
                i = rng.randrange(1, len(parts))
                end = rng.choice((b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n\t"))
                case = b"\r\n".join(parts[:i]) + end + b"\r\n".join(parts[i:])
        elif kind == 5:
            case = case[:at] + case[at:].swapcase()
        elif kind == 6:
            case += rng.choice(VALID)
        else:
            other = rng.choice(VALID)
            case = case[:at] + other[rng.randrange(len(other) + 1):]
    return case


def generate(seed, n):
    """All that is fixed, then mutations up to n in all."""
    rng = random.Random(seed)
    fixed = VALID + [a + b for a in VALID for b in VALID[::5]] + list(vectors())
    yield from fixed
    for _ in range(n - len(fixed)):
        yield mutate(rng, rng.choice(fixed))
